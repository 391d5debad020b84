import type { AttachmentRef, Owner } from '../../../machines/attachment/types.ts';
import type { SeededRandom } from '../../world/seeded-random.ts';
import type { Device } from '../device.ts';
import { pdfBytes, photoBytes, placedPhoto } from '../files.ts';
import type { FileRecord } from '../ledger.ts';
import type { CaptureWish, Open, Verbs } from '../verbs.ts';
import { weighted } from '../weighted.ts';
import type { World } from '../world.ts';
import { keyOf } from '../world.ts';
import type { Owners } from './owners.ts';

/** What somebody does with a device in one moment. */
export interface Act {
  readonly weight: number;
  run(context: ActContext): void;
}

export interface ActContext {
  readonly world: World;
  readonly verbs: Verbs;
  readonly owners: Owners;
  readonly device: Device;
  readonly at: Open;
  readonly random: SeededRandom;
}

/** One thing that is done; about two in three are captures. */
export function act(context: ActContext): void {
  weighted(context.random, acts).run(context);
}

const acts: readonly Act[] = [
  { weight: 50, run: (context) => void capture(context) },
  { weight: 5, run: captureDraft },
  { weight: 2, run: captureAgain },
  { weight: 2, run: captureAndRemove },
  { weight: 4, run: withRef((context, found) => replace(context, found)) },
  {
    weight: 6,
    run: withRef(({ verbs, at }, { ref, owner }) => verbs.remove(at, ref.mediaId, owner)),
  },
  {
    weight: 2,
    run: withRef((context, { ref, owner }) => {
      context.verbs.remove(context.at, ref.mediaId, owner);
      later(context, [200, 20_000], (at) => context.verbs.undo(at, context.random));
    }),
  },
  { weight: 1, run: withRef(({ verbs, at }, { owner }) => verbs.ownerDeleted(at, owner)) },
  { weight: 1, run: withRef(({ verbs, at }, { ref }) => verbs.cancel(at, ref.mediaId)) },
  { weight: 3, run: withRef(share) },
  {
    weight: 2,
    run: withRef(({ verbs, at, random }, { ref, owner }) => {
      if (owner.field === 'logo') return;
      const position = random.int(0, 4);
      verbs.plain(at, `move ${ref.mediaId} to ${position}`, (lading) =>
        lading.move(ref, owner, position),
      );
    }),
  },
  {
    weight: 1,
    run: withRef(({ verbs, at }, { ref, owner }) => {
      if (owner.field === 'logo' || ref.kind !== 'image') return;
      verbs.plain(at, `make ${ref.mediaId} primary`, (lading) => lading.setPrimary(ref, owner));
    }),
  },
  {
    weight: 1,
    run: withRef(({ verbs, at, random }, { ref }) => {
      const pinned = random.chance(0.6);
      verbs.plain(at, `${pinned ? 'pin' : 'unpin'} ${ref.mediaId}`, (lading) =>
        lading.pin(ref, pinned),
      );
    }),
  },
  {
    weight: 8,
    run: withRef(({ verbs, at }, { ref }) =>
      verbs.plain(at, `resolve ${ref.mediaId}`, async (lading) => {
        const resolved = await lading.resolve(ref);
        for await (const _ of resolved.open());
      }),
    ),
  },
  {
    weight: 1,
    run: withRef(({ verbs, at }, { ref }) => verbs.sendNow(at, ref.mediaId)),
  },
  { weight: 0.3, run: ({ verbs, at }) => verbs.plain(at, 'retry sync', (l) => l.retrySync()) },
  {
    weight: 0.2,
    run: ({ verbs, at, random }) => {
      const bytes = random.int(1_000, 60_000);
      verbs.plain(at, `free ${bytes} bytes`, (lading) => lading.freeRoom(bytes));
    },
  },
];

interface Found {
  readonly owner: Owner;
  readonly ref: AttachmentRef;
}

/** An act about a ref that the device shows; most often one of the newest. None found, nothing done. */
function withRef(run: (context: ActContext, found: Found) => void): Act['run'] {
  return (context) => {
    const { at, owners, random, world } = context;
    const { files } = world.ledger;
    for (let tries = 0; tries < 4 && files.length > 0; tries++) {
      const back = random.chance(0.6) ? random.int(1, 60) : random.int(1, files.length);
      const file = files[Math.max(0, files.length - back)];
      const key = random.pick([...(file?.places.keys() ?? []), '']);
      const owner = owners.find(key);
      if (file === undefined || owner === undefined) continue;
      const shown = at.lading.list(owner).find(({ ref }) => ref.mediaId === file.mediaId);
      if (shown !== undefined) return run(context, { owner, ref: shown.ref });
    }
  };
}

function capture(context: ActContext, changes: Partial<CaptureWish> = {}): FileRecord {
  const { verbs, at, owners, random, world } = context;
  const owner = owners.next(random);
  const file = verbs.capture(at, owner, { ...wish(context, owner), ...changes });
  if (random.chance(FORBIDDEN)) {
    world.forbidden.add(keyOf(file.mediaId));
    world.trace.note('world', `${file.name} will be forbidden`);
  }
  return file;
}

/** The chance that the remote never takes a file: it has to stay with its author. */
const FORBIDDEN = 0.002;

function captureDraft(context: ActContext): void {
  const { owners, random, verbs } = context;
  const owner = owners.next(random);
  const file = verbs.capture(context.at, owner, { ...wish(context, owner), draft: true });
  const fate = random.next();
  later(context, [300, 120_000], (at) => {
    if (file.capture !== 'acknowledged') return;
    if (fate < 0.6) verbs.link(at, file.mediaId, owner);
    else if (fate < 0.8) verbs.cancel(at, file.mediaId);
    // The others stay drafts until their grace is over.
  });
}

/** The same photo once more, perhaps for another owner. */
function captureAgain(context: ActContext): void {
  const { random, world } = context;
  const { files } = world.ledger;
  if (files.length === 0) return;
  const like = files[files.length - random.int(1, Math.min(files.length, 400))] as FileRecord;
  if (like.kind !== 'image') return;
  const { bytes, placeBytes } = like;
  capture(context, { bytes, placeBytes, kind: 'image' });
}

/** Before, during or after the upload. */
function captureAndRemove(context: ActContext): void {
  const { verbs, random } = context;
  const file = capture(context);
  later(context, [0, random.pick([5, 400, 6_000])], (at) => {
    const [key = ''] = file.places.keys();
    const owner = context.owners.find(key);
    if (file.capture !== 'acknowledged' || owner === undefined) return;
    if (random.chance(0.3)) verbs.cancel(at, file.mediaId);
    else verbs.remove(at, file.mediaId, owner);
  });
}

function replace(context: ActContext, { ref, owner }: Found): void {
  context.verbs.replace(context.at, ref.mediaId, owner, wish(context, owner));
}

/**
 * One attachment for two owners. Only by the device that has the bytes, or of one that is attached: what nobody has
 * sent yet may go with its only other ref.
 */
function share({ verbs, at, owners, random, device, world }: ActContext, { ref }: Found): void {
  const isOurs = world.ledger.find(ref.mediaId)?.device === device.name;
  const owner = owners.next(random);
  if (isOurs || !ref.url.startsWith('offline:')) verbs.link(at, ref.mediaId, owner);
}

/** Somewhat later, if the device is open then. */
function later(
  { world, device, random }: ActContext,
  [least, most]: readonly [number, number],
  run: (at: Open) => void,
): void {
  world.clock.schedule(random.int(least, most), () => {
    const [at] = device.ready();
    if (at !== undefined) run(at);
  });
}

function wish({ device, random }: ActContext, owner: Owner): CaptureWish {
  // One in twelve is sent in chunks; the others are put whole.
  const size = random.chance(0.08) ? random.int(2_100, 20_000) : random.int(250, 1_600);
  const isPdf = owner.field === 'receipts' && random.chance(0.2);
  const isPlaced = random.chance(0.05);
  return {
    device: device.name,
    kind: isPdf ? 'pdf' : 'image',
    noted: random.chance(0.1),
    ...(isPdf
      ? { bytes: pdfBytes(random, size) }
      : isPlaced
        ? placedPhoto(random, size)
        : { bytes: photoBytes(random, size) }),
  };
}
