import { DatabaseSync } from 'node:sqlite';
import { nodeSqlite } from 'lading/sqlite/node';
import { openHost } from '../../engine/host/index.ts';
import { asStream } from '../../engine/lifecycle/as-stream.ts';
import { createConsequences } from '../../engine/lifecycle/consequences.ts';
import { createFieldRegistry, type FieldSpec } from '../../engine/lifecycle/fields.ts';
import { hostedAttachment } from '../../engine/lifecycle/hosted.ts';
import { defaultPolicy } from '../../machines/attachment/context.ts';
import { type MediaId, type Owner, ownerKey } from '../../machines/attachment/types.ts';
import type { JsonObject } from '../../machines/json.ts';
import { openStore } from '../../persistence/index.ts';
import type { PushedOp, PushResult, RefDelta, SyncCursor } from '../../ports/backend.ts';
import type { Logger } from '../../ports/logger.ts';
import { loadPlace } from '../../sync/cursors.ts';
import { createPuller, type PullerOptions } from '../../sync/puller.ts';
import { createPusher, type PusherOptions } from '../../sync/pusher.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';

export const scope = { accountId: 'ann', projectId: 'p' };
export const never: AbortSignal = new AbortController().signal;

export function owner(entityId = 'i1'): Owner {
  return { scope, entityType: 'item', entityId, field: 'images' };
}

/** `0192…-00000000000n`: ids in the order of their numbers. */
export function media(n: number): MediaId {
  return `01920000-0000-7000-8000-${String(n).padStart(12, '0')}` as MediaId;
}

/** A row as a backend gives it. */
export function delta(
  n: number,
  updatedAt: number,
  more: Partial<RefDelta> & { readonly url?: string; readonly isPrimary?: boolean } = {},
): RefDelta {
  const { url = `https://objects.example/${n}`, isPrimary = false, ...rest } = more;
  const of = rest.owner ?? owner();
  return {
    id: `${media(n)}|${ownerKey(of)}`,
    updatedAt,
    deletedAt: null,
    lastMutationId: `m${updatedAt}`,
    owner: of,
    ref: {
      mediaId: media(n),
      url,
      kind: 'image',
      contentType: 'image/jpeg',
      byteSize: 3,
      isPrimary,
    },
    rank: 'a0',
    ...rest,
  };
}

/** Host, store and attachment machine of one device, without services and without a network. */
export async function syncParts(field: Partial<FieldSpec> = {}) {
  const clock = virtualClock();
  const random = seededRandom('parts');
  const handle = new DatabaseSync(':memory:');
  const store = openStore(nodeSqlite(handle), clock, random);
  const logged: { readonly level: string; readonly message: string; readonly details: unknown }[] =
    [];
  const log =
    (level: string) =>
    (message: string, details?: unknown): void =>
      void logged.push({ level, message, details });
  const logger: Logger = {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
  };
  const fields = createFieldRegistry({ 'item.images': { kinds: ['image'], ...field } });

  async function until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await clock.runUntil(() => settled);
    return promise;
  }

  const open = () =>
    openHost({
      store: store.events,
      clock,
      random,
      logger,
      machines: [
        hostedAttachment({
          services: {},
          tables: store.tables,
          consequences: createConsequences({ ...store, fields }),
        }),
      ],
    });
  const host = await until(open());
  const common = { ...store, host, accountId: 'ann', clock, random, logger };

  const send = (n: number, event: JsonObject & { readonly type: string }) =>
    until(host.send(asStream(media(n)), event));

  return {
    ...store,
    clock,
    random,
    handle,
    host,
    logged,
    logger,
    until,
    send,
    pusher: (options: Pick<PusherOptions, 'backend'> & Partial<PusherOptions>) =>
      createPusher({ ...common, isOnline: () => true, ...options }),
    puller: (options: Pick<PullerOptions, 'backend'> & Partial<PullerOptions>) =>
      createPuller({ ...common, ...options }),
    /** An attachment captured here and linked: writes one op. */
    captured: (n: number, isPrimary = false) =>
      until(
        host.transact((work) => {
          const input = {
            mediaId: media(n),
            accountId: 'ann',
            origin: 'here',
            media: {
              kind: 'image',
              contentType: 'image/jpeg',
              byteSize: 3,
              sha256: '',
              filename: null,
            },
            policy: { ...defaultPolicy },
            url: null,
            blobKey: `k${n}`,
            capturedAt: clock.now(),
          } as const;
          work.create(asStream(media(n)), 'attachment', input);
          work.send(asStream(media(n)), {
            type: 'ref.linked',
            owner: jsonOwner(),
            rank: 'a0',
            isPrimary,
          });
        }),
      ),
    unlinked: (n: number) =>
      send(n, { type: 'ref.unlinked', owner: jsonOwner(), reason: 'removed' }),
    moved: (n: number, rank: string) => send(n, { type: 'ref.moved', owner: jsonOwner(), rank }),
    /** Types of an attachment's events, in order. */
    log: (n: number) => host.history(asStream(media(n))).map(({ type }) => type),
    state: (n: number) => host.state(asStream(media(n))),
    place: () => store.events.read((tx) => loadPlace(tx, store.cursors, scope)),
    refs: (of = owner()) => store.events.read((tx) => store.tables.refsOfOwner(tx, ownerKey(of))),
    pending: () => store.events.read((tx) => store.outbox.count(tx, 'ann')),
  };
}

export function jsonOwner(entityId = 'i1') {
  return { ...owner(entityId), scope: { ...scope } };
}

/** A backend's pull over fixed rows, which also says what it was asked. */
export function pagesOf(rows: () => readonly unknown[]) {
  const asked: (SyncCursor | null)[] = [];
  const isAfter = (row: RefDelta, after: SyncCursor): boolean =>
    row.updatedAt > after.updatedAt || (row.updatedAt === after.updatedAt && row.id > after.id);
  return {
    asked,
    async pull(_scope: unknown, after: SyncCursor | null, { limit }: { readonly limit: number }) {
      asked.push(after);
      const left = (rows() as readonly RefDelta[]).filter(
        (row) => after === null || isAfter(row, after),
      );
      return { rows: left.slice(0, limit), more: left.length > limit };
    },
  };
}

/** A backend's push whose answers a test gives; it remembers what was asked. */
export function pushes(answer: (ops: readonly PushedOp[], call: number) => unknown) {
  const requests: (readonly PushedOp[])[] = [];
  return {
    requests,
    async push(ops: readonly PushedOp[]) {
      requests.push(ops);
      return (await answer(ops, requests.length)) as readonly PushResult[];
    },
  };
}

export const applied = (ops: readonly PushedOp[]): readonly PushResult[] =>
  ops.map(({ opId }) => ({ opId, status: 'applied' }));

export const refused =
  (code: string) =>
  (ops: readonly PushedOp[]): readonly PushResult[] =>
    ops.map(({ opId }) => ({ opId, status: 'refused', code, message: `because of ${code}` }));

/** `put 1` or `delete 1`, for what an op does to which attachment. */
export function saying({ op }: PushedOp): string {
  const id = op.type === 'ref.put' ? op.ref.mediaId : op.mediaId;
  return `${op.type.slice(4)} ${Number(id.slice(-12))}`;
}
