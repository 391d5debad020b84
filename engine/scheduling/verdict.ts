import type { Fault } from '../../machines/attachment/types.ts';

/** How a request to a host ended, as an adapter says it. */
export type Answer = { readonly ok: true } | Fault;

/** What the answer to one request says of its host. */
export type Verdict =
  /** It is there and works, whatever it thinks of this file. */
  | 'answered'
  /** It is not well, or cannot be reached. */
  | 'failed'
  /** The request said nothing of it: it was stopped, or never made. */
  | 'nothing';

/** Trouble of this device. */
const OWN_TROUBLE: ReadonlySet<string> = new Set([
  'aborted',
  'headers_failed',
  'secrets_unavailable',
  'source_unreadable',
  'blob_not_removed',
]);

/** What can be repeated, and is about this one object: others fare better. */
const OF_ONE_OBJECT: ReadonlySet<string> = new Set([
  'bad_offset',
  'conditional_conflict',
  'conflict',
  'interrupted',
  'locked',
  'offset_conflict',
  'range_mismatch',
  'too_early',
]);

/**
 * Only what is retryable speaks against a host (5xx, time-outs, stalls, lost connections, 429), and only while there
 * is a network: without one it is classed `offline` (contract 4.4).
 */
export function verdictOf(answer: Answer): Verdict {
  if (answer.ok) return 'answered';
  if (answer.class === 'offline' || OWN_TROUBLE.has(answer.code)) return 'nothing';
  return answer.class !== 'retryable' || OF_ONE_OBJECT.has(answer.code) ? 'answered' : 'failed';
}
