import type { AttachmentCommand } from '../../machines/attachment/events.ts';
import type { AttachmentInput } from '../../machines/attachment/types.ts';
import { type CaseOptions, commandTypes, inputs, logoOwner, receiptOwner } from './cases.ts';

type CommandType = AttachmentCommand['type'];

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

const untilWaived: ReadonlySet<CommandType> = new Set([
  'ref.linked',
  'upload.started',
  'network.waived',
  'cancelled',
  'retry.requested',
  'credentials.changed',
]);

export interface SearchGroup extends CaseOptions {
  readonly title: string;
  readonly input: AttachmentInput;
}

/** Every command type but those that begin with one of `prefixes`. */
function allBut(...prefixes: readonly string[]): readonly CommandType[] {
  return commandTypes.filter((type) => !prefixes.some((prefix) => type.startsWith(prefix)));
}

/**
 * Facts that do not act on each other are searched apart, since their product would take minutes. Together the
 * searches take every definition; each of them checks every invariant in every state it reaches.
 */
export const searchGroups: readonly SearchGroup[] = [
  {
    title: 'captured here: upload, removal and local copy together',
    input: inputs.captured,
    owners: [receiptOwner],
    without: [...otherRefEvents, ...pins, ...pauses, 'upload.opened', 'upload.interrupted'],
  },
  {
    title: 'dropped at once: eviction follows every upload',
    input: inputs.droppedAtOnce,
    owners: [receiptOwner],
    without: [...otherRefEvents, ...pins, ...pauses, ...rareTransferEvents],
  },
  {
    title: 'sent over unmetered links only, until the user says otherwise',
    input: inputs.unmetered,
    owners: [receiptOwner],
    without: commandTypes.filter((type) => !untilWaived.has(type)),
  },
  {
    title: 'synced with a url: downloads, and uploads for another device',
    input: inputs.syncedWithUrl,
    owners: [receiptOwner],
    without: [...otherRefEvents, ...pins, ...pauses, ...rareTransferEvents],
  },
  {
    title: 'synced without a url: waits for its author',
    input: inputs.syncedWithoutUrl,
    owners: [receiptOwner],
    without: [...otherRefEvents, ...pauses, ...rareTransferEvents, 'upload.started'],
  },
  {
    title: 'two owners: every edit of the refs',
    input: inputs.captured,
    owners: [receiptOwner, logoOwner],
    without: allBut('ref.', 'cancelled'),
  },
  {
    title: 'pauses and interruptions of an upload',
    input: inputs.captured,
    owners: [receiptOwner],
    without: [...refEdits, ...localEvents, 'backend.refused', 'remote.missing', 'remote.located'],
  },
  {
    title: 'pins and readers',
    input: inputs.captured,
    owners: [receiptOwner],
    without: [...otherRefEvents, ...pauses, ...rareTransferEvents, 'remote.located'],
  },
  {
    title: 'refs that come and go while the bytes do',
    input: inputs.captured,
    owners: [receiptOwner],
    without: allBut('ref.', 'bytes.', 'cancelled'),
  },
  {
    title: 'dropped at once, but pinned or refused',
    input: inputs.droppedAtOnce,
    owners: [receiptOwner],
    without: allBut(
      'ref.linked',
      'upload.started',
      'pinned',
      'unpinned',
      'backend.',
      'cancelled',
      'retry.',
    ),
  },
  {
    title: 'synced without a url, and refused or released meanwhile',
    input: inputs.syncedWithoutUrl,
    owners: [receiptOwner],
    without: allBut('ref.', 'remote.located', 'backend.', 'retry.', 'cancelled'),
  },
];
