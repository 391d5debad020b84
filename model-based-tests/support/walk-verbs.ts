import * as fc from 'fast-check';
import {
  type AttachmentKind,
  type MediaId,
  type Owner,
  ownerKey,
} from '../../machines/attachment/types.ts';
import {
  agree,
  anyStream,
  command,
  contextOf,
  hasStreams,
  MOST_STREAMS,
  pick,
} from './walk-steps.ts';
import { attempt, capture, fileOf, nextId, owners, type WalkModel } from './walk-world.ts';

const place = (owner: Owner): string => owner.field;
const anyOwner = fc.constantFrom(owners[0] as Owner, owners[0] as Owner, owners[1] as Owner);
const anyKind = fc.constantFrom<AttachmentKind>('image', 'image', 'pdf');

const captures = fc
  .record({ kind: anyKind, owner: anyOwner, draft: fc.constantFrom(false, false, false, true) })
  .map(({ kind, owner, draft }) =>
    command({
      name: `capture a ${draft ? 'draft of ' : ''}${kind} for ${place(owner)}`,
      check: ({ streams }) => streams.size < MOST_STREAMS,
      async run(model, world) {
        const id = nextId(world);
        const { refusal } = await attempt(world, capture(world, kind, id, owner, draft));
        const isKnown = kind === 'image' || owner !== owners[1];
        model.lists.kinds.set(id, kind);
        const expected = !isKnown ? 'wrong_kind' : draft ? null : model.lists.link(id, owner);
        agree(refusal, expected);
      },
    }),
  );

const links = fc.record({ n: anyStream, owner: anyOwner }).map(({ n, owner }) =>
  command({
    name: `link ${n} to ${place(owner)}`,
    check: hasStreams,
    async run(model, world) {
      const id = pick(model, n);
      const { refusal } = await attempt(world, world.commands.link(id, owner));
      const { gone, media } = contextOf(model, id);
      const isTaken = media.kind === 'image' || owner !== owners[1];
      const expected = gone ? 'already_gone' : isTaken ? model.lists.link(id, owner) : 'wrong_kind';
      agree(refusal, expected);
    },
  }),
);

const removals = fc.record({ n: anyStream, owner: anyOwner }).map(({ n, owner }) =>
  command({
    name: `remove ${n} from ${place(owner)}`,
    check: hasStreams,
    async run(model, world) {
      const id = pick(model, n);
      const { refusal, value } = await attempt(world, world.commands.remove(id, owner));
      const removal = model.lists.remove(id, owner);
      agree(refusal, typeof removal === 'string' ? removal : null);
      if (typeof removal !== 'string' && value !== undefined)
        model.removals.push({ removal, token: value });
    },
  }),
);

const replacements = fc
  .record({ n: anyStream, owner: anyOwner, kind: anyKind })
  .map(({ n, owner, kind }) =>
    command({
      name: `replace ${n} in ${place(owner)} by a ${kind}`,
      check: ({ streams }) => streams.size > 0 && streams.size < MOST_STREAMS + 2,
      async run(model, world) {
        const id = pick(model, n);
        const by = nextId(world);
        const { source, ...rest } = fileOf(kind, by);
        const verb = world.commands.replace(id, source, owner, rest);
        const { refusal, value } = await attempt(world, verb);
        if (kind !== 'image' && owner === owners[1]) return agree(refusal, 'wrong_kind');
        model.lists.kinds.set(by, kind);
        const removal = model.lists.replace(id, by, owner);
        agree(refusal, typeof removal === 'string' ? removal : null);
        if (typeof removal !== 'string' && value !== undefined) {
          model.removals.push({ removal, token: value.undo });
        }
      },
    }),
  );

const moves = fc
  .record({ n: anyStream, owner: anyOwner, position: fc.integer({ min: -1, max: 4 }) })
  .map(({ n, owner, position }) =>
    command({
      name: `move ${n} in ${place(owner)} to ${position}`,
      check: hasStreams,
      async run(model, world) {
        const id = pick(model, n);
        const { refusal } = await attempt(world, world.commands.move(id, owner, position));
        agree(refusal, model.lists.move(id, owner, position));
      },
    }),
  );

const primaries = fc.record({ n: anyStream, owner: anyOwner }).map(({ n, owner }) =>
  command({
    name: `make ${n} primary in ${place(owner)}`,
    check: hasStreams,
    async run(model, world) {
      const id = pick(model, n);
      const { refusal } = await attempt(world, world.commands.setPrimary(id, owner));
      agree(refusal, model.lists.setPrimary(id, owner));
    },
  }),
);

const cancels = anyStream.map((n) =>
  command({
    name: `cancel ${n}`,
    check: hasStreams,
    async run(model, world) {
      const id = pick(model, n);
      const { refusal } = await attempt(world, world.commands.cancel(id));
      agree(refusal, null);
      model.lists.cancel(id);
    },
  }),
);

const deletions = anyOwner.map((owner) =>
  command({
    name: `delete the owner of ${place(owner)}`,
    async run(model, world) {
      const { refusal, value } = await attempt(world, world.commands.ownerDeleted(owner));
      agree(refusal, null);
      const removal = model.lists.clear(owner);
      if (value !== undefined) model.removals.push({ removal, token: value });
    },
  }),
);

const undos = fc.nat({ max: 3 }).map((n) =>
  command({
    name: `undo the last removal but ${n}`,
    check: ({ removals: all }) => all.length > 0,
    async run(model, world) {
      const { removal, token } = model.removals.at(
        -1 - (n % model.removals.length),
      ) as WalkModel['removals'][number];
      const at = world.on.clock.now();
      const entryOf = (id: MediaId, key: string) =>
        contextOf(model, id).undoable.find((entry) => entry.key === key);
      const wasPrimary = new Set(
        removal.removed
          .filter(({ id, key }) => entryOf(id, key)?.isPrimary === true)
          .map(({ id }) => id),
      );
      const { refusal } = await attempt(world, world.commands.undo(token));
      const expected = model.lists.undo(
        removal,
        (id, key) => {
          const owner = owners.find((one) => ownerKey(one) === key);
          const undone = { type: 'ref.undone', owner };
          return model.streams.get(id)?.accepts(undone, { at, jitter: 0.5 }) === true;
        },
        (id) => wasPrimary.has(id),
      );
      agree(refusal, expected.refusal);
      if (refusal !== null || expected.exactOrder) return;
      for (const key of new Set(removal.removed.map((one) => one.key))) {
        const owner = owners.find((one) => ownerKey(one) === key) as Owner;
        const { store } = world.engine;
        const ids = store.events.read((tx) =>
          store.tables.refsOfOwner(tx, key).map(({ mediaId }) => mediaId),
        );
        const others = removal.removed.map(({ id }) => id);
        agree(model.lists.adoptOrder(owner, ids, others), true, 'nobody else changed places');
      }
    },
  }),
);

/** The verbs that change refs, each as often as a user would. */
export const refVerbs = [
  captures,
  captures,
  captures,
  links,
  removals,
  replacements,
  moves,
  moves,
  primaries,
  cancels,
  deletions,
  undos,
  undos,
] as const;
