import type { Json } from '../../machines/json.ts';
import type { Part } from '../../ports/part.ts';
import type { Service } from '../host/definition.ts';
import type { GateKeeper } from './gates.ts';
import type { UploadSlots } from './slots.ts';

const LOCAL = ['evict', 'purge'] as const;
const REMOTE = ['removeRemote', 'download'] as const;
const UPLOADS = ['upload', 'attach'] as const;

export type ServiceName = (typeof LOCAL | typeof REMOTE | typeof UPLOADS)[number];

/** Services that could run now. */
export function openSources(gates: GateKeeper): readonly ServiceName[] {
  return [...LOCAL, ...(gates.remoteOpen() ? REMOTE : []), ...(gates.uploadsOpen() ? UPLOADS : [])];
}

/**
 * The attachment machine's services as the host knows them from the start: when they may run, and how many. What they
 * do comes with a part; until it is here their tasks stay rows.
 */
export function servicesOnDemand(parts: {
  readonly accountId: string;
  readonly gates: GateKeeper;
  readonly slots: UploadSlots;
  readonly services: Part<Readonly<Record<ServiceName, Service['run']>>>;
}): Readonly<Record<ServiceName, Service>> {
  const { accountId, gates, slots, services } = parts;

  function service(name: ServiceName, more: Omit<Service, 'run'> = {}): Service {
    return {
      ...more,
      ready: () => services.here !== undefined && openSources(gates).includes(name),
      run: async (input, run) => (await services())[name](input, run),
    };
  }

  /** A database may hold several accounts: removals and downloads of another one wait for it (contract 4.8). */
  const accepts = (input: Json): boolean =>
    (input as { readonly accountId?: string }).accountId === accountId;
  // The scheduler counts slots; a run gives its slot back before its result is committed, hence twice as many.
  const concurrency = slots.total * 2;
  return {
    upload: service('upload', { concurrency }),
    attach: service('attach', { concurrency }),
    removeRemote: service('removeRemote', { accepts }),
    download: service('download', { accepts }),
    evict: service('evict'),
    purge: service('purge'),
  };
}
