import { type Owner, ownerKey } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { redact } from '../../ports/redact.ts';
import { isClosed, isStorageTrouble } from '../host/faults.ts';
import type { CaptureParts } from '../lifecycle/capture.ts';
import { requireOwnerOf } from '../lifecycle/own-account.ts';
import { requireOptions } from '../lifecycle/validate.ts';
import { importOwner, type OwnerOutcome } from './import-owner.ts';
import { EntryTrouble, readOldRefs } from './old-refs.ts';
import { planOwner, presentRefs } from './plan-owner.ts';
import type { ImportOptions, ImportProblem, ImportReport, ImportRow } from './types.ts';

export interface ImportParts extends CaptureParts {
  /** The same in every call on this database: what makes ids of this device's own places its own. */
  salt(): Promise<string>;
}

/** Owners whose commits may share one fsync. */
const AT_ONCE = 20;

/**
 * Takes over refs of an older app, owner by owner: all entries of a column in one commit, or none and a problem in the
 * report. Running it again changes only what is new. Durable on return.
 * @throws {LadingError} `invalid_option` for rows that are none, before anything is written; and what the store throws.
 */
export async function importRefs(
  parts: ImportParts,
  rows: readonly ImportRow[],
  options: ImportOptions = {},
): Promise<ImportReport> {
  requireOptions('options', options);
  const owners = groupByOwner(parts, rows);
  const outcomes: OwnerOutcome[] = [];
  for (let start = 0; start < owners.length; start += AT_ONCE) {
    const group = owners.slice(start, start + AT_ONCE);
    const settled = await Promise.allSettled(group.map((own) => takeOver(parts, own, options)));
    for (const one of settled) {
      if (one.status === 'rejected') throw one.reason;
      outcomes.push(one.value);
    }
  }
  return reportOf(outcomes);
}

/** Rows of one owner are one column: a queued job may come in a row of its own. */
function groupByOwner(
  parts: CaptureParts,
  rows: readonly ImportRow[],
): readonly (readonly ImportRow[])[] {
  if (!Array.isArray(rows)) {
    throw new LadingError('invalid_option', 'importRefs takes an array of rows.', {
      details: { name: 'rows' },
    });
  }
  const groups = new Map<string, ImportRow[]>();
  for (const row of rows as readonly ImportRow[]) {
    requireOwnerOf(parts.accountId, requireOptions('row', row).owner);
    const key = ownerKey(row.owner);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

async function takeOver(
  parts: ImportParts,
  rows: readonly ImportRow[],
  options: ImportOptions,
): Promise<OwnerOutcome> {
  const { owner } = rows[0] as ImportRow;
  const attempt = async (): Promise<OwnerOutcome> => {
    const field = parts.fields.get(owner);
    const entries = rows.flatMap((row) => readOldRefs(row, field));
    const plan = planOwner(owner, field, entries, {
      present: parts.events.read((tx) => presentRefs(tx, parts.tables, owner)),
      salt: await parts.salt(),
      canHaveBytes: options.bytesOf !== undefined,
      locatorOf: (url) => options.locatorOf?.(url),
    });
    return importOwner(parts, plan, options);
  };
  try {
    return await attempt().catch((error: unknown) => {
      // Another owner, or another process, brought the same bytes meanwhile: they are known now.
      if (error instanceof LadingError && error.code === 'id_taken') return attempt();
      throw error;
    });
  } catch (error) {
    return { problem: problemOf(owner, error) };
  }
}

/** What is wrong with one owner's column is told, and holds up no other; a store that fails ends the call. */
function problemOf(owner: Owner, error: unknown): ImportProblem {
  const found = error instanceof EntryTrouble ? error.cause : error;
  const known = found instanceof LadingError ? found : appThrew(found);
  if (isClosed(known) || isStorageTrouble(known)) throw known;
  const { index } = known.details;
  return {
    owner,
    index: error instanceof EntryTrouble ? error.index : typeof index === 'number' ? index : null,
    code: known.code,
    message: known.message,
  };
}

/** The projection, `bytesOf` or `locatorOf`: code of the app's, for this owner. */
function appThrew(cause: unknown): LadingError {
  const said = redact(cause instanceof Error ? cause.message : String(cause), 200);
  return new LadingError('import_failed', `Code of the app threw: ${said}`, { cause });
}

function reportOf(outcomes: readonly OwnerOutcome[]): ImportReport {
  const refs = {
    linked: 0,
    captured: 0,
    waiting: 0,
    unchanged: 0,
    repeated: 0,
    removedSince: 0,
  };
  const owners = { imported: 0, unchanged: 0, refused: 0 };
  const problems: ImportProblem[] = [];
  for (const outcome of outcomes) {
    if ('problem' in outcome) {
      owners.refused += 1;
      problems.push(outcome.problem);
      continue;
    }
    owners[outcome.changed ? 'imported' : 'unchanged'] += 1;
    for (const [name, count] of Object.entries(outcome.counts)) {
      refs[name as keyof typeof refs] += count;
    }
  }
  return { owners, refs, problems };
}
