import type { AttachmentRef, Lading, MediaId, Owner } from 'lading';
import { createReferenceBackend, type ReferenceBackend } from 'lading/sync';
import { seededRandom } from 'lading/testing';
import type { Held } from 'lading/testing/proxy';
import { tusUploadId } from '../../adapters/remotes/tus-ids.ts';
import type { Backend } from '../../ports/backend.ts';
import { systemClock } from '../../ports/clock.ts';
import { type ObjectKey, objectKey } from '../../ports/remote.ts';
import { type Hold, type HoldingProxy, startHoldingProxy } from './holding-proxy.ts';
import {
  ACCOUNT,
  hasAttachStep,
  openDevice,
  photo,
  type RaceDevice,
  smallPhoto,
} from './race-device.ts';
import { sha256, type TusWorld, tusWorld } from './tus-world.ts';

export const raceTriggers = ['remove', 'replace', 'cancel', 'ownerDeleted', 'tombstone'] as const;
/** Where in the upload the trigger comes. */
export const raceMoments = [
  'before the upload',
  'before the creation',
  'after the creation',
  'before the first bytes',
  'between two pieces',
  'before the last piece',
  'after the last piece',
  'before the only request',
  'after the only request',
  'at the attach',
  'when it is attached',
] as const;

export interface Race {
  readonly trigger: (typeof raceTriggers)[number];
  readonly moment: (typeof raceMoments)[number];
  /** What the proxy holds past the removal: the request, or its reply; none where nothing is under way. */
  readonly side: 'request' | 'reply';
  /** The proxy lets it go at the same time as the app asks, or when the first DELETE was answered. */
  readonly letsGo: 'at once' | 'after the DELETE';
}

export interface RaceReport {
  readonly races: number;
  /** `seed: trigger, moment, side, letsGo: what is wrong`. */
  readonly failures: readonly string[];
  /** `trigger, moment` of each. */
  readonly met: readonly string[];
  /** Uploads that a stock server keeps, since the reply to their creation was lost: nobody knows their urls. */
  readonly unknowable: number;
}

/** Races of so many attachments at once, on one server, with two devices of one account. */
export async function runRaces(
  seed: number,
  options: { readonly races: number; readonly stock?: boolean },
): Promise<RaceReport> {
  const random = seededRandom(`races ${seed}`);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.next() * from.length)] as T;
  const tus = await tusWorld(options);
  const proxy = await startHoldingProxy(tus.server.origin);
  const backend = toldBackend();
  const phone = await openDevice(proxy, backend.client);
  const laptop = await openDevice(proxy, backend.client);
  try {
    const all = Array.from({ length: options.races }, (_, n): Racing => {
      const moment = pick(raceMoments);
      const race: Race = {
        trigger: pick(raceTriggers),
        moment,
        side: momentOf(moment)?.side ?? pick(['request', 'reply']),
        letsGo: pick(['at once', 'after the DELETE']),
      };
      const id = newId(phone.lading, moment);
      return { race, id, owner: ownerOf(n), uploadId: uploadIdOf(id), held: null };
    });
    await Promise.all(all.map((one) => run(one, { phone, laptop, proxy })));
    await Promise.all([phone.rest(), laptop.rest()]);
    await sweepBackend(backend, tus);
    const failures: string[] = [];
    for (const one of all) {
      const { trigger, moment, side, letsGo } = one.race;
      const wrong = judge(one, phone, laptop, proxy);
      if (wrong !== null)
        failures.push(`${seed}: ${[trigger, moment, side, letsGo].join(', ')}: ${wrong}`);
    }
    const isStock = options.stock === true;
    const left = await judgeServer(all, { tus, proxy, backend: backend.reference, phone, isStock });
    failures.push(...left.failures.map((wrong) => `${seed}: ${wrong}`));
    const met = all.map(({ race }) => `${race.trigger}, ${race.moment}`);
    return { races: all.length, failures, met, unknowable: left.unknowable };
  } finally {
    await Promise.all([phone.lading.close(), laptop.lading.close()]);
    await proxy.close();
    await tus.dispose();
  }
}

interface Racing {
  readonly race: Race;
  readonly id: MediaId;
  readonly owner: Owner;
  readonly uploadId: string;
  held: Held | null;
  /** What took its place. */
  successor?: MediaId;
}

/** What the proxy holds at a moment; null: nothing. */
function momentOf(moment: Race['moment']): Partial<Hold> | null {
  switch (moment) {
    case 'before the upload':
    case 'when it is attached':
      return null;
    case 'before the creation':
      return { method: 'POST', nth: 1, side: 'request' };
    case 'after the creation':
      return { method: 'POST', nth: 1, side: 'reply' };
    case 'before the first bytes':
      return { method: 'PATCH', nth: 1, side: 'request' };
    case 'between two pieces':
      return { method: 'PATCH', nth: 2 };
    case 'before the last piece':
      return { method: 'PATCH', nth: 3, side: 'request' };
    case 'after the last piece':
      return { method: 'PATCH', nth: 3, side: 'reply' };
    case 'before the only request':
      return { method: 'POST', nth: 1, side: 'request' };
    case 'after the only request':
      return { method: 'POST', nth: 1, side: 'reply' };
    case 'at the attach':
  }
  return { method: 'HEAD', nth: 1 };
}

async function run(
  one: Racing,
  world: { readonly phone: RaceDevice; readonly laptop: RaceDevice; readonly proxy: HoldingProxy },
): Promise<void> {
  const { phone, laptop, proxy } = world;
  const { race, id, owner, uploadId } = one;
  const hold = momentOf(race.moment);
  if (hold !== null) {
    one.held = proxy.hold({ id: uploadId, method: 'POST', nth: 1, side: race.side, ...hold });
  }
  const isSmall = race.moment.endsWith('the only request');
  await phone.lading.capture(isSmall ? smallPhoto(id) : photo(id), { owner, kind: 'image', id });
  if (race.trigger === 'tombstone') await laptop.until(() => laptop.ids(owner).includes(id));
  if (one.held !== null) await one.held.reached;
  if (race.moment === 'when it is attached') {
    await phone.until(() => phone.lading.view(id).state === 'uploaded');
  }
  if (race.letsGo === 'at once') void one.held?.release();
  await act(one, world);
  const { held } = one;
  if (held === null) return;
  // Whoever deletes it: where it was attached meanwhile, the backend does, and nothing waits for it.
  await Promise.race([proxy.removed(uploadId), phone.until(() => phone.isPurged(id))]);
  await held.release();
}

/** What the app, or the other device, does. */
async function act(
  one: Racing,
  { phone, laptop }: { readonly phone: RaceDevice; readonly laptop: RaceDevice },
): Promise<void> {
  const { id, owner } = one;
  switch (one.race.trigger) {
    case 'remove':
      return void (await phone.lading.remove(id, owner));
    case 'replace': {
      const { attachment } = await phone.lading.replace(id, photo(`better ${id}`), owner, {
        kind: 'image',
      });
      one.successor = attachment.id;
      return;
    }
    case 'cancel':
      return phone.lading.cancel(id);
    case 'ownerDeleted':
      return void (await phone.lading.ownerDeleted(owner));
    case 'tombstone':
      await laptop.lading.remove(id, owner);
      return phone.until(() => !phone.ids(owner).includes(id));
  }
}

/** What is wrong with the refs of one owner, on either device. */
function judge(
  one: Racing,
  phone: RaceDevice,
  laptop: RaceDevice,
  proxy: HoldingProxy,
): string | null {
  const { id, owner, successor } = one;
  const wanted = successor === undefined ? [] : [successor];
  for (const [name, device] of [
    ['phone', phone],
    ['laptop', laptop],
  ] as const) {
    const ids = device.ids(owner);
    if (ids.join() !== wanted.join()) return `on the ${name} the refs are [${ids.join()}]`;
    const state = device.refs(owner)[0]?.url.startsWith('offline://') === true;
    if (state) return `on the ${name} its successor has no url`;
  }
  if (!phone.isPurged(id)) return 'it was not purged';
  if (successor === undefined) return null;
  const uploads = proxy.created(uploadIdOf(successor)).length;
  return uploads === 1 ? null : `its successor was uploaded ${uploads} times`;
}

/** The server holds the objects that live refs point to, whole, and nothing else. */
async function judgeServer(
  all: readonly Racing[],
  world: {
    readonly tus: TusWorld;
    readonly proxy: HoldingProxy;
    readonly backend: ReferenceBackend;
    readonly phone: RaceDevice;
    readonly isStock: boolean;
  },
): Promise<{ readonly failures: readonly string[]; readonly unknowable: number }> {
  const { tus, proxy, backend, isStock } = world;
  const live = liveRefs(backend);
  const wanted = new Set(live.map(({ url }) => url.slice(url.lastIndexOf('/') + 1)));
  const failures: string[] = [];
  let unknowable = 0;
  for (const name of await tus.uploads()) {
    if (wanted.delete(name)) continue;
    const owner = all.find((one) => proxy.created(one.uploadId).includes(name));
    if (isStock && owner !== undefined && (await isUnknowable(owner, name, world))) {
      unknowable += 1;
      continue;
    }
    failures.push(`the server keeps ${name}, of ${JSON.stringify(owner?.race)}`);
  }
  for (const name of wanted) failures.push(`the server lacks ${name}, that a ref points to`);
  for (const { url, sha256: hash } of live) {
    const name = url.slice(url.lastIndexOf('/') + 1);
    const bytes = await tus.bytesOf(name).catch(() => Buffer.alloc(0));
    if (sha256(bytes) !== hash) failures.push(`${name} holds other bytes than were captured`);
  }
  return { failures, unknowable };
}

/**
 * What a stock server cannot promise: it names an upload in the reply to its creation. Where that came when nobody waited
 * for it any more, the url is in no log, and tus has no listing. Not a byte of the file is in it: none is sent before
 * the url is durable.
 */
async function isUnknowable(
  { id, uploadId }: Racing,
  name: string,
  {
    tus,
    proxy,
    phone,
  }: { readonly tus: TusWorld; readonly proxy: HoldingProxy; readonly phone: RaceDevice },
): Promise<boolean> {
  const opened = phone.lading.history(id).filter(({ type }) => type === 'upload.opened');
  const isUntold = proxy.created(uploadId).length > opened.length;
  return isUntold && (await tus.bytesOf(name)).byteLength === 0;
}

function liveRefs(backend: ReferenceBackend): readonly AttachmentRef[] {
  return backend
    .rows(ACCOUNT)
    .filter(({ deletedAt }) => deletedAt === null)
    .map(({ ref }) => ref);
}

/** No request is under way any more: the backend's grace is over, and it deletes what nothing refers to. */
async function sweepBackend({ reference, urls }: ToldBackend, tus: TusWorld): Promise<void> {
  for (const key of reference.unreferenced(0)) {
    const { pathname } = new URL(urls.get(key) ?? '');
    await fetch(tus.server.origin + pathname, {
      method: 'DELETE',
      headers: { 'Tus-Resumable': '1.0.0' },
    });
    reference.objectRemoved(key);
  }
}

/** The reference backend, and where each object lies that it was ever told of, in puts that came too late as well. */
interface ToldBackend {
  readonly reference: ReferenceBackend;
  readonly client: Backend;
  readonly urls: ReadonlyMap<ObjectKey, string>;
}

function toldBackend(): ToldBackend {
  const reference = createReferenceBackend({ clock: systemClock() });
  const client = reference.client(ACCOUNT);
  const urls = new Map<ObjectKey, string>();
  return {
    reference,
    urls,
    client: {
      ...client,
      push(ops, options) {
        for (const { op } of ops) {
          if (op.type !== 'ref.put' || op.ref.url.startsWith('offline://')) continue;
          urls.set(objectKey(ACCOUNT, op.ref.mediaId), op.ref.url);
        }
        return client.push(ops, options);
      },
    },
  };
}

const uploadIdOf = (id: MediaId): string => tusUploadId(objectKey(ACCOUNT, id));

function newId(lading: Lading, moment: Race['moment']): MediaId {
  for (;;) {
    const id = lading.newMediaId();
    if (moment !== 'at the attach' || hasAttachStep(id)) return id;
  }
}

function ownerOf(n: number): Owner {
  return {
    scope: { accountId: ACCOUNT, projectId: null },
    entityType: 'item',
    entityId: `item-${n}`,
    field: 'photos',
  };
}
