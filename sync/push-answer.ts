import * as v from 'valibot';
import type { OutboxRow } from '../ports/attachment-tables.ts';
import type { PushResult } from '../ports/backend.ts';
import { redact } from '../ports/redact.ts';
import { BadAnswer } from './bounded.ts';

/** An op that was pushed, with its result. */
export interface Answered {
  readonly row: OutboxRow;
  readonly result: PushResult;
}

const LONGEST_CODE = 100;
const LONGEST_MESSAGE = 500;

const text = (longest: number) =>
  v.pipe(
    v.string(),
    // Shown and logged: without line ends, writing directions and what could be a secret (contract 10.1, 10.4).
    v.transform((written) => redact(written.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' '), longest)),
  );

const schema = v.array(
  v.variant('status', [
    v.object({ opId: v.string(), status: v.picklist(['applied', 'duplicate']) }),
    v.object({
      opId: v.string(),
      status: v.literal('refused'),
      code: v.pipe(text(LONGEST_CODE), v.minLength(1)),
      message: text(LONGEST_MESSAGE),
      removedAt: v.exactOptional(v.pipe(v.number(), v.safeInteger())),
    }),
  ]),
);

/**
 * Matches results to the ops that were sent, whatever their order.
 * @throws {BadAnswer} unless there is exactly one sound result for each op: what is not certainly answered is sent
 *   again, and the backend drops what it has seen.
 */
export function readPushAnswer(rows: readonly OutboxRow[], answer: unknown): readonly Answered[] {
  const parsed = v.safeParse(schema, answer);
  if (!parsed.success) throw new BadAnswer('the results of a push cannot be read');
  const results = new Map(parsed.output.map((result) => [result.opId, result]));
  if (parsed.output.length !== rows.length || results.size !== rows.length) {
    throw new BadAnswer(
      `${rows.length} ops were pushed, ${parsed.output.length} results came back`,
    );
  }
  return rows.map((row) => {
    const result = results.get(row.opId);
    if (result === undefined) throw new BadAnswer(`op ${row.opId} was not answered`);
    return { row, result };
  });
}
