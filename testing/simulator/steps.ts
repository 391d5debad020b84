import type { AttachmentRef, Owner } from '../../machines/attachment/types.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import { owners, WAITING_FIELD } from './app.ts';
import type { Device } from './device.ts';
import { pdfBytes, photoBytes, placedPhoto } from './files.ts';
import type { CaptureWish, Open, Verbs } from './verbs.ts';
import { keyOf, type World } from './world.ts';

/** One thing that people do. */
export interface Step {
  readonly weight: number;
  run(context: StepContext): void;
}

export interface StepContext {
  readonly world: World;
  readonly verbs: Verbs;
  readonly device: Device;
  /** The runner that is asked. */
  readonly at: Open;
  readonly random: SeededRandom;
}

/** What people do with their attachments. */
export const steps: readonly Step[] = [
  { weight: 22, run: capture },
  { weight: 3, run: captureDraft },
  {
    weight: 7,
    run: withRef(({ verbs, at }, { ref, owner }) => verbs.remove(at, ref.mediaId, owner)),
  },
  {
    weight: 4,
    run: withRef((context, { ref, owner }) =>
      context.verbs.replace(context.at, ref.mediaId, owner, wish(context, owner)),
    ),
  },
  {
    weight: 3,
    run: withRef(({ verbs, at, random }, { ref, owner }) => {
      if (owner.field === 'logo') return;
      const position = random.int(0, 4);
      verbs.plain(at, `move ${ref.mediaId} to ${position}`, (lading) =>
        lading.move(ref, owner, position),
      );
    }),
  },
  {
    weight: 3,
    run: withRef(({ verbs, at }, { ref, owner }) => {
      if (owner.field === 'logo' || ref.kind !== 'image') return;
      verbs.plain(at, `make ${ref.mediaId} primary`, (lading) => lading.setPrimary(ref, owner));
    }),
  },
  { weight: 2, run: withRef(({ verbs, at }, { ref }) => verbs.cancel(at, ref.mediaId)) },
  { weight: 1, run: ({ verbs, at, random }) => verbs.ownerDeleted(at, random.pick(owners)) },
  { weight: 4, run: ({ verbs, at, random }) => verbs.undo(at, random) },
  { weight: 4, run: share },
  {
    weight: 3,
    run: withRef(({ verbs, at }, { ref }) =>
      verbs.plain(at, `retry ${ref.mediaId}`, (lading) => lading.retry(ref)),
    ),
  },
  { weight: 2, run: ({ verbs, at }) => verbs.plain(at, 'retry sync', (l) => l.retrySync()) },
  {
    weight: 2,
    run: withRef(({ verbs, at }, { ref }) =>
      verbs.plain(at, `pause ${ref.mediaId}`, (lading) => lading.pause(ref)),
    ),
  },
  {
    weight: 2,
    run: withRef(({ verbs, at }, { ref }) =>
      verbs.plain(at, `resume ${ref.mediaId}`, (lading) => lading.resume(ref)),
    ),
  },
  {
    weight: 1,
    run: withRef(({ verbs, at, world }, { ref, owner }) => {
      const waits = world.scenario.unmetered && owner.field === WAITING_FIELD;
      if (waits) verbs.sendNow(at, ref.mediaId);
    }),
  },
  {
    weight: 1,
    run({ verbs, at }) {
      at.isPaused = true;
      verbs.plain(at, 'pause all', (l) => l.pause());
    },
  },
  {
    weight: 2,
    run({ verbs, at }) {
      at.isPaused = false;
      verbs.plain(at, 'resume all', (l) => l.resume());
    },
  },
  {
    weight: 4,
    run: withRef(({ verbs, at }, { ref }) =>
      verbs.plain(at, `resolve ${ref.mediaId}`, async (lading) => {
        const resolved = await lading.resolve(ref);
        for await (const _ of resolved.open());
      }),
    ),
  },
  {
    weight: 2,
    run({ verbs, at, random }) {
      const bytes = random.int(1_000, 60_000);
      verbs.plain(at, `free ${bytes} bytes`, (lading) => lading.freeRoom(bytes));
    },
  },
  {
    weight: 1,
    run: withRef(({ verbs, at, random }, { ref }) => {
      const pinned = random.chance(0.4);
      verbs.plain(at, `${pinned ? 'pin' : 'unpin'} ${ref.mediaId}`, (lading) =>
        lading.pin(ref, pinned),
      );
    }),
  },
];

/** Beside the others, by a draw of its own. */
export const prefer: Step['run'] = withRef(({ verbs, at }, { ref }) =>
  verbs.plain(at, `prefer ${ref.mediaId}`, (lading) => lading.prefer(ref)),
);

interface Found {
  readonly owner: Owner;
  readonly ref: AttachmentRef;
}

/** A step about one of the refs that the device shows; none there, nothing done. */
function withRef(run: (context: StepContext, found: Found) => void): Step['run'] {
  return (context) => {
    const { at, random } = context;
    const found = owners.flatMap((owner) =>
      at.lading.list(owner).map(({ ref }): Found => ({ owner, ref })),
    );
    if (found.length > 0) run(context, random.pick(found));
  };
}

function capture(context: StepContext): void {
  const { verbs, at, random, world } = context;
  const owner = random.pick(owners);
  const file = verbs.capture(at, owner, wish(context, owner));
  if (world.scenario.troubles.has('remote') && random.chance(0.06)) {
    world.forbidden.add(keyOf(file.mediaId));
    world.trace.note('world', `${file.name} will be forbidden`);
  }
}

function captureDraft(context: StepContext): void {
  const { verbs, at, random, world, device } = context;
  const owner = random.pick(owners);
  const file = verbs.capture(at, owner, { ...wish(context, owner), draft: true });
  if (random.chance(0.3)) return;
  world.clock.schedule(random.int(100, 20_000), () => {
    const [later] = device.ready();
    if (later !== undefined && file.capture === 'acknowledged') {
      verbs.link(later, file.mediaId, owner);
    }
  });
}

/**
 * One attachment for two owners. Only by the device that has the bytes, or of one that is attached: what nobody has
 * sent yet may go with its only other ref.
 */
function share(context: StepContext): void {
  const { verbs, at, world, device } = context;
  withRef(({ random }, { ref }) => {
    const owner = random.pick(owners);
    const isOurs = world.ledger.find(ref.mediaId)?.device === device.name;
    if (isOurs || !ref.url.startsWith('offline:')) verbs.link(at, ref.mediaId, owner);
  })(context);
}

/** One in eight is of bytes that somebody captured before: they are to be stored once (contract 5.3). */
function wish(context: StepContext, owner: Owner): CaptureWish {
  const fresh = freshWish(context, owner);
  const again = context.random.fork('again');
  const known = context.world.ledger.files.filter(
    ({ bytes }) => isPdf(bytes) === isPdf(fresh.bytes),
  );
  if (known.length === 0 || !again.chance(0.125)) return fresh;
  const { bytes, placeBytes } = again.pick(known.slice(-6));
  return { ...fresh, bytes, placeBytes };
}

function isPdf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x25; // %PDF
}

function freshWish({ device, random }: StepContext, owner: Owner): CaptureWish {
  const size = random.chance(0.5) ? random.int(200, 3_000) : random.int(3_000, 40_000);
  const wantsPdf = owner.field === 'receipts' && random.chance(0.3);
  return {
    device: device.name,
    ...(wantsPdf ? { bytes: pdfBytes(random, size) } : photo(random, size)),
    kind: wantsPdf ? 'pdf' : 'image',
    noted: random.chance(0.5),
  };
}

/** One photo in four says where it was taken. */
function photo(random: SeededRandom, size: number): Pick<CaptureWish, 'bytes' | 'placeBytes'> {
  return random.chance(0.25) ? placedPhoto(random, size) : { bytes: photoBytes(random, size) };
}
