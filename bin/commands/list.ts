import { faultWords } from '../../engine/explain/faults.ts';
import { sizeOf, spanOf } from '../../engine/explain/words.ts';
import { type OwnerRow, ownersOf } from '../../persistence/inspection/queries.ts';
import { printable } from '../../ports/printable.ts';
import { printTable } from '../print/table.ts';
import { Problem } from '../problem.ts';
import { shortIds } from '../select.ts';
import { type Item, survey } from '../survey.ts';
import { type Call, type FileCommand, FORMAT } from './command.ts';
import { coloured } from './status.ts';

const STATES = ['uploaded', 'uploading', 'local_only', 'failed', 'gone'];
const DEFAULT_LIMIT = 50;

export interface ListedItem {
  readonly id: string;
  readonly state: string;
  readonly waitingFor: string | null;
  readonly since: number;
  readonly until: number | null;
  readonly account: string;
  readonly owners: readonly string[];
  readonly sizeBytes: number;
  readonly contentType: string;
  readonly capturedAt: number;
  readonly attempts: number;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly retryable: boolean;
  } | null;
}

export const list: FileCommand = {
  takes: 'file',
  usage: 'lading list FILE [--state STATE] [--owner TEXT] [--account ID] [--failed] [--limit N]',
  summary: 'attachments, newest first, with what each waits for',
  help: [
    '  --state STATE    only those that show it: uploaded, uploading, local_only, failed, gone',
    '  --owner TEXT     only those of an owner whose type, id or field contains TEXT',
    '  --account ID     only those of this account',
    '  --failed         the same as --state failed',
    `  --limit N        at most N, ${DEFAULT_LIMIT} if not given; 0 is all`,
    'What is gone is left out, unless --state gone asks for it.',
  ],
  options: {
    state: { type: 'string' },
    owner: { type: 'string' },
    account: { type: 'string' },
    failed: { type: 'boolean' },
    limit: { type: 'string' },
  },
  run(call) {
    const { file, out, json, at } = call;
    const wanted = filterOf(call);
    const limit = limitOf(call);
    const { all, items } = file.read((tx) => {
      const { items: found } = survey(tx, at, wanted.state);
      const owned = found.filter(
        ({ mediaId }) => wanted.owner === null || ownersOf(tx, mediaId).some(wanted.owner),
      );
      const newest = owned.toReversed().slice(0, limit);
      return {
        all: owned.length,
        items: newest.map((item) => listed(item, ownersOf(tx, item.mediaId))),
      };
    });
    if (json) {
      out.json({ format: FORMAT, command: 'list', at, found: all, attachments: items });
      return 0;
    }
    if (all === 0) out.line('No attachment is like that.');
    else printList(call, items);
    if (items.length < all) out.line(`… and ${all - items.length} more: --limit 0 shows all.`);
    return 0;
  },
};

export function listed({ facts, ...item }: Item, owners: readonly OwnerRow[]): ListedItem {
  return {
    id: item.mediaId,
    state: item.state,
    waitingFor: item.waitingFor ?? null,
    since: facts.since,
    until: facts.until,
    account: printable(item.accountId),
    owners: owners.map(ownerText),
    sizeBytes: item.sizeBytes,
    contentType: printable(item.contentType, 80),
    capturedAt: item.capturedAt,
    attempts: facts.attempts,
    error:
      facts.error === null
        ? null
        : {
            code: printable(facts.error.code, 60),
            message: faultWords(facts.error),
            retryable: facts.error.retryable,
          },
  };
}

/** `item/item-1.images` */
export function ownerText({ entityType, entityId, field }: OwnerRow): string {
  return printable(`${entityType}/${entityId}.${field}`);
}

export function printList(
  { out, at }: Pick<Call, 'out' | 'at'>,
  items: readonly ListedItem[],
): void {
  const short = shortIds(items.map(({ id }) => id));
  const isNarrow = (out.width ?? 999) < 130;
  printTable(
    out,
    [
      { title: 'id', cell: ({ id }) => (isNarrow ? (short.get(id) ?? id) : id) },
      { title: 'state', cell: ({ state }) => coloured(out, state as Item['state']) },
      { title: 'waiting for', cell: ({ waitingFor }) => waitingFor ?? '' },
      { title: 'since', cell: ({ since }) => spanOf(at - since), align: 'right' },
      { title: 'size', cell: ({ sizeBytes }) => sizeOf(sizeBytes), align: 'right' },
      { title: 'age', cell: ({ capturedAt }) => spanOf(at - capturedAt), align: 'right' },
      { title: 'tries', cell: ({ attempts }) => String(attempts), align: 'right' },
      { title: 'last error', cell: ({ error }) => error?.code ?? '' },
      { title: 'owner', cell: ({ owners }) => owners.join(', ') },
    ],
    items,
  );
}

function filterOf({ values }: Call) {
  const { state: given, failed, account, owner } = values;
  const state = failed === true ? 'failed' : given;
  if (state !== undefined && !STATES.includes(String(state))) {
    throw new Problem(`"${printable(state, 40)}" is not a state. There are: ${STATES.join(', ')}.`);
  }
  return {
    state: (item: Item): boolean =>
      (state === undefined ? item.state !== 'gone' : item.state === state) &&
      (account === undefined || item.accountId === account),
    owner:
      owner === undefined
        ? null
        : (row: OwnerRow): boolean => ownerText(row).includes(String(owner)),
  };
}

function limitOf({ values }: Call): number {
  const text = values['limit'] ?? String(DEFAULT_LIMIT);
  const limit = /^\d+$/.test(String(text)) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(limit)) return limit === 0 ? Number.MAX_SAFE_INTEGER : limit;
  throw new Problem(`--limit takes a whole number, not "${printable(text, 40)}".`);
}
