import { CHECKPOINT, type CheckpointPayload, TOMBSTONE } from '../../ports/compacted.ts';
import type { Tell } from './turn.ts';
import { quoted } from './words.ts';

/** What stands for events that are no longer there (contract 5.5). */
export const compactedSentences: Readonly<Record<string, Tell>> = {
  [CHECKPOINT]({ payload, words }) {
    const { events, from, to, types } = (payload as CheckpointPayload).replaced;
    const each = Object.entries(types)
      .toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      .map(([type, count]) => `${quoted(type, 60)}${count === 1 ? '' : ` ${count} times`}`);
    return `A checkpoint stands for its first ${events} events, from ${words.time(from)} to ${words.time(to)}, which were compacted: ${each.join(', ')}.`;
  },
  [TOMBSTONE]: ({ version, at, words }) =>
    `A tombstone stands for its whole life, ${version} events, which ended ${words.time(at)}; they were compacted, and nothing more is kept of it.`,
};
