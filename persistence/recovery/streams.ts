import { isCompacted } from '../../ports/compacted.ts';
import type { SqlDatabase, SqlRow } from '../../ports/sql.ts';

/** What is left of the streams whose events were found. */
export interface RecoveredStreams {
  /** Whole, by all that is known of them. */
  readonly whole: number;
  /** What came after this version is lost. */
  readonly cut: readonly { readonly stream: string; readonly keptVersion: number }[];
  /** Their beginning is lost, or what is left of them would end them: they are left to their sidecars, and to sync. */
  readonly lost: readonly string[];
}

const PAGE = 500;

/**
 * Keeps of each stream the events without a gap from its beginning or its last checkpoint on, and writes its head by
 * them; the rest is deleted from `fresh`, where the heads that were found still say how long each was. A stream
 * whose end is lost, or may be, and that nobody holds by what is left, is not kept: it would come to its end by that, and its
 * bytes with it.
 */
export function mendStreams(fresh: SqlDatabase): RecoveredStreams {
  const cut: { stream: string; keptVersion: number }[] = [];
  const lost: string[] = [];
  let whole = 0;
  for (let after = ''; ; ) {
    const names = fresh
      .all(
        `SELECT stream FROM lading_event WHERE stream > ? UNION SELECT stream FROM lading_stream WHERE stream > ?
         ORDER BY 1 LIMIT ?`,
        after,
        after,
        PAGE,
      )
      .map((row) => String(row['stream']));
    fresh.transaction(() => {
      for (const stream of names) {
        const outcome = mend(fresh, stream);
        if (outcome === 'whole') whole += 1;
        else if (outcome === 'lost') lost.push(stream);
        else cut.push({ stream, keptVersion: outcome });
      }
    });
    const last = names.at(-1);
    if (last === undefined || names.length < PAGE) return { whole, cut, lost };
    after = last;
  }
}

function mend(fresh: SqlDatabase, stream: string): 'whole' | 'lost' | number {
  const head = fresh.get('SELECT machine, version FROM lading_stream WHERE stream = ?', stream);
  fresh.run('DELETE FROM lading_stream WHERE stream = ?', stream);
  const events = fresh.all(
    'SELECT position, version, type, at, payload FROM lading_event WHERE stream = ? ORDER BY version',
    stream,
  );
  const kept = withoutGap(events);
  const last = kept.at(-1);
  const version = Number(last?.['version'] ?? 0);
  const isWhole =
    kept.length === events.length && (head === undefined || Number(head['version']) <= version);
  const mayLackItsEnd = !isWhole || (head === undefined && isWithinUndo(kept));
  if (last === undefined || (mayLackItsEnd && !isHeld(kept))) {
    fresh.run('DELETE FROM lading_event WHERE stream = ?', stream);
    return 'lost';
  }
  fresh.run(
    'DELETE FROM lading_event WHERE stream = ? AND (version < ? OR version > ?)',
    stream,
    Number(kept[0]?.['version']),
    version,
  );
  fresh.run(
    `INSERT INTO lading_stream (stream, machine, version, status, touched_at, compacted)
     VALUES (?, ?, ?, 'active', ?, ?)`,
    stream,
    head?.['machine'] ?? machineOf(kept[0]),
    version,
    Number(last['at']),
    isCompacted(String(last['type'])) ? version : 0,
  );
  return isWhole ? 'whole' : version;
}

/** From the first event, or from the newest one that stands for all before it, as far as the versions go on. */
function withoutGap(events: readonly SqlRow[]): readonly SqlRow[] {
  const begins = events.findLastIndex(({ type }) => isCompacted(String(type)));
  const first = Math.max(0, begins);
  const from = Number(events[first]?.['version'] ?? 0);
  if (begins < 0 && from !== 1) return [];
  const kept = events.slice(first);
  const gap = kept.findIndex(({ version }, index) => Number(version) !== from + index);
  return gap < 0 ? kept : kept.slice(0, gap);
}

/** Whether refs hold the attachment after these events. What stands for others, and other machines, are not judged. */
function isHeld(events: readonly SqlRow[]): boolean {
  const [first] = events;
  if (
    first === undefined ||
    machineOf(first) !== ATTACHMENT ||
    isCompacted(String(first['type']))
  ) {
    return first !== undefined;
  }
  const owners = new Set<string>();
  for (const event of events) {
    const change = REFS[String(event['type'])];
    if (change === undefined) continue;
    const { owner } = JSON.parse(String(event['payload'])) as { readonly owner?: unknown };
    if (change === 'adds') owners.add(JSON.stringify(owner));
    else owners.delete(JSON.stringify(owner));
  }
  return owners.size > 0;
}

/** Whether these events end where a removal can still be undone: with no word of its length, an undo may be lost. */
function isWithinUndo(events: readonly SqlRow[]): boolean {
  const last = events.findLast(({ type }) => REFS[String(type)] !== undefined || isEnd(type));
  return last !== undefined && REFS[String(last['type'])] === 'takes';
}

function isEnd(type: SqlRow[string] | undefined): boolean {
  return type === 'undoGrace.elapsed' || type === 'cancelled';
}

const ATTACHMENT = 'attachment';
const REFS: Readonly<Record<string, 'adds' | 'takes'>> = {
  'ref.linked': 'adds',
  'ref.synced': 'adds',
  'ref.undone': 'adds',
  'ref.unlinked': 'takes',
  'ref.tombstoned': 'takes',
};

/** The first event of a stream is named after its machine; one that stands for others is an attachment's. */
function machineOf(first: SqlRow | undefined): string {
  return /^(.+)\.created$/.exec(String(first?.['type']))?.[1] ?? ATTACHMENT;
}
