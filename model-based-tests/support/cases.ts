import { defaultPolicy } from '../../machines/attachment/context.ts';
import type {
  AttachmentCommand,
  ServiceName,
  ServiceOutputs,
} from '../../machines/attachment/events.ts';
import type {
  AttachmentInput,
  AttachmentPolicy,
  Fault,
  FaultClass,
  MediaId,
  Owner,
} from '../../machines/attachment/types.ts';

/** Two owners of one account: a list field, and a field that holds one. */
export const receiptOwner: Owner = {
  scope: { accountId: 'account-1', projectId: 'project-1' },
  entityType: 'transaction',
  entityId: '018f5d9e-0000-7000-8000-000000000001',
  field: 'receiptImages',
};
export const logoOwner: Owner = {
  scope: { accountId: 'account-1', projectId: null },
  entityType: 'businessProfile',
  entityId: '018f5d9e-0000-7000-8000-000000000002',
  field: 'logo',
};

export const remoteUrl = 'https://files.example/account-1/018f5d9e-1111-7000-8000-000000000003';
const movedUrl = `${remoteUrl}?revision=2`;

/** Attempts are bounded to 2, so that every guard on a count has both its branches within a few steps. */
const shortPolicy: AttachmentPolicy = { ...defaultPolicy, maxAttempts: 2 };

/** How a stream can begin: each kind of start that changes what is possible. */
export const inputs = {
  captured: inputOf({ origin: 'here', url: null, blobKey: 'blobs/01/8f5d9e.bin' }),
  droppedAtOnce: inputOf({
    origin: 'here',
    url: null,
    blobKey: 'blobs/01/8f5d9e.bin',
    policy: { ...shortPolicy, dropLocalAtOnce: true },
  }),
  unmetered: inputOf({
    origin: 'here',
    url: null,
    blobKey: 'blobs/01/8f5d9e.bin',
    policy: { ...shortPolicy, network: 'unmetered' },
  }),
  syncedWithUrl: inputOf({ origin: 'elsewhere', url: remoteUrl, blobKey: null }),
  syncedWithoutUrl: inputOf({ origin: 'elsewhere', url: null, blobKey: null }),
} satisfies Record<string, AttachmentInput>;
export type InputName = keyof typeof inputs;

/** An event as a case gives it: the stamp is put on when it is stepped. */
export type EventCase =
  | AttachmentCommand
  | { readonly type: `xstate.done.actor.${ServiceName}`; readonly output: unknown }
  | {
      readonly type: `xstate.error.actor.${ServiceName}`;
      readonly error: { readonly name: string; readonly message: string };
    }
  | { readonly type: `xstate.after.${string}` };

/** Everything a service can answer with that the machine tells apart: each output class once. */
const outputs: { readonly [Name in ServiceName]: readonly ServiceOutputs[Name][] } = {
  upload: [
    { ok: true, receipt: { url: remoteUrl, token: 'etag-1', byteSize: 3 } },
    { ok: true, receipt: { url: null, token: 'etag-1', byteSize: 3 } },
    ...faults('offline', 'auth', 'terminal', 'retryable', 'resume_lost', 'mismatch'),
  ],
  attach: [
    { ok: true, url: remoteUrl },
    ...faults('offline', 'auth', 'terminal', 'retryable', 'mismatch'),
  ],
  removeRemote: [{ ok: true }, ...faults('offline', 'auth', 'terminal', 'retryable')],
  evict: [{ ok: true }, ...faults('busy', 'absent')],
  download: [
    { ok: true, blobKey: 'blobs/01/8f5d9e.bin' },
    ...faults('absent', 'offline', 'auth', 'terminal', 'retryable', 'mismatch'),
  ],
  purge: [{ ok: true }, ...faults('busy')],
};

/** Which of the possible events a search or a path generation tries. */
export interface CaseOptions {
  readonly owners: readonly Owner[];
  /** Event types that are left out, to keep the number of combinations within reach. */
  readonly without?: readonly AttachmentCommand['type'][];
}

/** All payload cases for one event type that a state handles. */
export function casesOf(type: string, { owners, without = [] }: CaseOptions): readonly EventCase[] {
  if ((without as readonly string[]).includes(type)) return [];
  const service = /^xstate\.(done|error)\.actor\.(\w+)$/.exec(type);
  if (service !== null) {
    const name = service[2] as ServiceName;
    return service[1] === 'done'
      ? outputs[name].map((output) => ({ type: `xstate.done.actor.${name}`, output }))
      : [{ type: `xstate.error.actor.${name}`, error: { name: 'TypeError', message: 'a bug' } }];
  }
  if (type.startsWith('xstate.after.')) return [{ type: type as `xstate.after.${string}` }];
  return type in commands ? commands[type as AttachmentCommand['type']](owners) : [];
}

type CommandCases = (owners: readonly Owner[]) => readonly AttachmentCommand[];

const commands: Readonly<Record<AttachmentCommand['type'], CommandCases>> = {
  'ref.linked': (owners) =>
    owners.map((owner) => ({ type: 'ref.linked', owner, rank: 'a0', isPrimary: false })),
  'ref.synced': (owners) =>
    owners.map((owner) => ({ type: 'ref.synced', owner, rank: 'a0', isPrimary: false })),
  'ref.unlinked': (owners) =>
    owners.map((owner) => ({ type: 'ref.unlinked', owner, reason: 'removed' })),
  'ref.undone': (owners) => owners.map((owner) => ({ type: 'ref.undone', owner })),
  'ref.moved': (owners) =>
    owners.flatMap((owner) =>
      ['a0', 'a1'].map((rank) => ({ type: 'ref.moved', owner, rank }) as const),
    ),
  'ref.primary': (owners) =>
    owners.flatMap((owner) =>
      [true, false].map((isPrimary) => ({ type: 'ref.primary', owner, isPrimary }) as const),
    ),
  'ref.tombstoned': (owners) => owners.map((owner) => ({ type: 'ref.tombstoned', owner })),
  cancelled: () => [{ type: 'cancelled' }],
  'upload.started': () => [{ type: 'upload.started' }],
  'upload.opened': () => [{ type: 'upload.opened', handle: 'https://tus.example/files/u1' }],
  'upload.interrupted': () => [{ type: 'upload.interrupted', reason: 'offline' }],
  'retry.requested': () => [{ type: 'retry.requested' }],
  held: () => [{ type: 'held' }],
  resumed: () => [{ type: 'resumed' }],
  'credentials.changed': () => [{ type: 'credentials.changed' }],
  'network.waived': () => [{ type: 'network.waived' }],
  preferred: () => [{ type: 'preferred', order: 1 }],
  'backend.refused': () => [
    { type: 'backend.refused', code: 'entity_missing', message: 'The receipt was deleted.' },
    { type: 'backend.refused', code: 'object_gone', message: 'It was deleted.', removedAt: 1 },
  ],
  'remote.located': () => [remoteUrl, movedUrl].map((url) => ({ type: 'remote.located', url })),
  'remote.missing': () => [{ type: 'remote.missing' }],
  pinned: () => [{ type: 'pinned' }],
  unpinned: () => [{ type: 'unpinned' }],
  'evict.requested': () => [{ type: 'evict.requested' }],
  'read.requested': () => [{ type: 'read.requested' }],
  'bytes.missing': () => [{ type: 'bytes.missing' }],
  'bytes.found': () => [{ type: 'bytes.found' }],
  'bytes.given': () => [
    {
      type: 'bytes.given',
      blobKey: 'blobs/01/8f5d9e.bin',
      media: inputs.captured.media,
    },
  ],
};

/** Every command type there is. */
export const commandTypes = Object.keys(commands) as readonly AttachmentCommand['type'][];

/** How a report names a case: the type, and what tells it from its siblings. */
export function labelOf(event: EventCase): string {
  if ('output' in event) return `${event.type} (${labelOfOutput(event.output as Output)})`;
  if (event.type === 'ref.moved') return `${event.type} (${event.owner.field} to ${event.rank})`;
  if (event.type === 'ref.primary') {
    return `${event.type} (${event.owner.field} ${event.isPrimary ? 'on' : 'off'})`;
  }
  return 'owner' in event ? `${event.type} (${event.owner.field})` : event.type;
}

interface Output {
  readonly ok: boolean;
  readonly class?: string;
  readonly receipt?: { readonly url: string | null };
}

function labelOfOutput({ ok, class: faultClass, receipt }: Output): string {
  if (!ok) return faultClass ?? 'unclassified';
  return typeof receipt?.url === 'string' ? 'ok with url' : 'ok';
}

function faults(...classes: readonly FaultClass[]): readonly Fault[] {
  return classes.map((faultClass) => ({ ok: false, class: faultClass, code: `${faultClass}_1` }));
}

function inputOf(
  change: Pick<AttachmentInput, 'origin' | 'url' | 'blobKey'> & Partial<AttachmentInput>,
): AttachmentInput {
  return {
    mediaId: '018f5d9e-1111-7000-8000-000000000003' as MediaId,
    accountId: 'account-1',
    media: {
      kind: 'image',
      contentType: 'image/jpeg',
      byteSize: 3,
      sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      filename: 'receipt.jpg',
    },
    policy: shortPolicy,
    capturedAt: 1_000,
    ...change,
  };
}
