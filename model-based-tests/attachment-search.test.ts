import { describe, expect, it } from 'vitest';
import type { AttachmentCommand } from '../machines/attachment/events.ts';
import { attachmentMachine } from '../machines/attachment/machine.ts';
import { commandTypes, type InputName, inputs, logoOwner, receiptOwner } from './support/cases.ts';
import { search } from './support/search.ts';
import { createTracer } from './support/tracer.ts';

type CommandType = AttachmentCommand['type'];

const tracer = createTracer(attachmentMachine);

const refEdits: readonly CommandType[] = ['ref.moved', 'ref.primary'];
const pins: readonly CommandType[] = ['pinned', 'unpinned'];
const pauses: readonly CommandType[] = ['held', 'resumed'];
const localEvents: readonly CommandType[] = [
  ...pins,
  'evict.requested',
  'read.requested',
  'bytes.missing',
  'bytes.found',
];
const otherRefEvents: readonly CommandType[] = [
  ...refEdits,
  'ref.synced',
  'ref.tombstoned',
  'ref.undone',
];
const rareTransferEvents: readonly CommandType[] = [
  'upload.opened',
  'upload.interrupted',
  'credentials.changed',
  'backend.refused',
];

/**
 * Facts that do not act on each other are searched apart, since their product would take minutes. Together the
 * searches take every definition; each of them checks every invariant in every state it reaches.
 */
const searches: readonly {
  readonly title: string;
  readonly input: InputName;
  readonly owners?: 2;
  readonly without: readonly CommandType[];
}[] = [
  {
    title: 'captured here: upload, removal and local copy together',
    input: 'captured',
    without: [...otherRefEvents, ...pins, ...pauses, 'upload.opened', 'upload.interrupted'],
  },
  {
    title: 'dropped at once: eviction follows every upload',
    input: 'droppedAtOnce',
    without: [...otherRefEvents, ...pins, ...pauses, ...rareTransferEvents],
  },
  {
    title: 'synced with a url: downloads, and uploads for another device',
    input: 'syncedWithUrl',
    without: [...otherRefEvents, ...pins, ...pauses, ...rareTransferEvents],
  },
  {
    title: 'synced without a url: waits for its author',
    input: 'syncedWithoutUrl',
    without: [...otherRefEvents, ...pauses, ...rareTransferEvents, 'upload.started'],
  },
  {
    title: 'two owners: every edit of the refs',
    input: 'captured',
    owners: 2,
    without: commandTypes.filter((type) => !type.startsWith('ref.') && type !== 'cancelled'),
  },
  {
    title: 'pauses and interruptions of an upload',
    input: 'captured',
    without: [...refEdits, ...localEvents, 'backend.refused', 'remote.missing', 'remote.located'],
  },
  {
    title: 'pins and readers',
    input: 'captured',
    without: [...otherRefEvents, ...pauses, ...rareTransferEvents, 'remote.located'],
  },
];

const results = searches.map(({ title, input, owners, without }) => ({
  title,
  result: search(tracer, inputs[input], {
    owners: owners === 2 ? [receiptOwner, logoOwner] : [receiptOwner],
    without,
  }),
}));

describe('the attachment machine, searched over its value and the facts that its guards read', () => {
  it.each(results)('$title: nothing throws and every invariant holds', ({ result }) => {
    expect(result.violations.slice(0, 10)).toEqual([]);
  });

  it.each(results)('$title: from every state the end can be reached', ({ result }) => {
    expect(result.stuck.slice(0, 10)).toEqual([]);
  });

  it('can take every transition definition, guard branches included', () => {
    const taken = new Set(results.flatMap(({ result }) => [...result.taken]));
    expect(tracer.definitions.filter((definition) => !taken.has(definition))).toEqual([]);
  });
});
