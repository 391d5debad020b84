import { idsWithPrefix } from '../persistence/inspection/queries.ts';
import type { StoreTransaction } from '../ports/event-store.ts';
import { printable } from '../ports/printable.ts';
import { Problem } from './problem.ts';

const SHORTEST_PREFIX = 8;
const CANDIDATES = 10;

/**
 * The attachment that somebody means: by its id, the beginning of it, or its `offline://` url.
 * @throws {Problem} for none, or several.
 */
export function selectId(tx: StoreTransaction, given: string): string {
  const name = printable(given, 80);
  const prefix = given
    .trim()
    .replace(/^offline:\/\//i, '')
    .toLowerCase();
  if (!/^[0-9a-f-]+$/.test(prefix)) {
    throw new Problem(
      `"${name}" is not the id of an attachment: those look like 0190a6e2-7c3b-7…; \`lading list FILE\` shows them.`,
    );
  }
  if (prefix.length < SHORTEST_PREFIX) {
    throw new Problem(
      `"${name}" is too short: give at least ${SHORTEST_PREFIX} characters of the id; \`lading list FILE\` shows them.`,
    );
  }
  const [found, ...others] = idsWithPrefix(tx, prefix, CANDIDATES + 1);
  if (found === undefined) {
    throw new Problem(
      `There is no attachment ${name} in this database; \`lading list FILE\` shows those that are here.`,
    );
  }
  if (others.length === 0 || found === prefix) return found;
  const shown = [found, ...others].slice(0, CANDIDATES);
  const more = others.length >= CANDIDATES ? '\n  …' : '';
  throw new Problem(
    `"${name}" begins the ids of several attachments. Give more of the one you mean:\n${shown.map((id) => `  ${id}`).join('\n')}${more}`,
  );
}

/** The shortest beginnings, of at least 8 characters, that tell these ids from each other. */
export function shortIds(ids: readonly string[]): ReadonlyMap<string, string> {
  const sorted = [...ids].toSorted();
  return new Map(
    sorted.map((id, at) => {
      const common = Math.max(sharedWith(id, sorted[at - 1]), sharedWith(id, sorted[at + 1]));
      return [id, id.slice(0, Math.max(SHORTEST_PREFIX, common + 1))];
    }),
  );
}

function sharedWith(id: string, other: string | undefined): number {
  let at = 0;
  while (other !== undefined && at < id.length && id[at] === other[at]) at += 1;
  return at;
}
