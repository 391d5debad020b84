import type { Json } from '../../machines/json.ts';
import type { Part } from '../../ports/part.ts';
import type { Service } from '../host/definition.ts';
import type { UploadLoad } from '../scheduling/slots.ts';
import type { GateKeeper } from './gates.ts';

const LOCAL = ['evict', 'purge'] as const;
const UPLOADS = ['upload', 'attach'] as const;

export type ServiceName = (typeof LOCAL | typeof UPLOADS)[number] | 'download' | 'removeRemote';

/** Services that could run now. Uploads that were begun are taken up also when their remote rests: they find out. */
export function openSources(gates: GateKeeper): readonly ServiceName[] {
  const isOnline = gates.remoteOpen();
  // Credentials that were refused once are not tried again by all that wait (contract 4.4).
  const mayRemove = isOnline && !gates.remoteHeld() && gates.current().credentialsOk;
  return [
    ...LOCAL,
    ...(isOnline ? (['download'] as const) : []),
    ...(mayRemove ? (['removeRemote'] as const) : []),
    ...(gates.uploadsOpen() ? UPLOADS : []),
  ];
}

/**
 * The attachment machine's services as the host knows them from the start: when they may run, and how many. What they
 * do comes with a part; until it is here their tasks stay rows.
 */
export function servicesOnDemand(parts: {
  readonly accountId: string;
  readonly gates: GateKeeper;
  readonly load: UploadLoad;
  readonly services: Part<Readonly<Record<ServiceName, Service['run']>>>;
}): Readonly<Record<ServiceName, Service>> {
  const { accountId, gates, load, services } = parts;

  function service(name: ServiceName, more: Omit<Service, 'run'> = {}): Service {
    return {
      ...more,
      ready: () => services.here !== undefined && openSources(gates).includes(name),
      run: async (input, run) => (services.here ?? (await services()))[name](input, run),
    };
  }

  /** A database may hold several accounts: removals and downloads of another one wait for it (contract 4.8). */
  const accepts = (input: Json): boolean =>
    (input as { readonly accountId?: string }).accountId === accountId;
  // Slots are counted elsewhere. Some runs wait for one, and some gave theirs back and wait for their commit.
  const concurrency = load.total * 3 + 2;
  return {
    upload: service('upload', { concurrency }),
    attach: service('attach', { concurrency }),
    removeRemote: service('removeRemote', { accepts }),
    download: service('download', { accepts }),
    evict: service('evict'),
    purge: service('purge'),
  };
}
