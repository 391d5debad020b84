import { adviceOf } from '../../engine/explain/advice.ts';
import { faultWords } from '../../engine/explain/faults.ts';
import type { Reason } from '../../engine/explain/reason.ts';
import { reasonWords } from '../../engine/explain/standing.ts';
import { createWords, sizeOf, spanOf } from '../../engine/explain/words.ts';
import { type OwnerRow, ownersOf } from '../../persistence/inspection/queries.ts';
import { printable } from '../../ports/printable.ts';
import { type Output, wrapped } from '../print/output.ts';
import { type Item, type Survey, survey } from '../survey.ts';
import { type FileCommand, FORMAT } from './command.ts';
import { ownerText } from './list.ts';

/** Attachments that are shown of each cause. */
const EXAMPLES = 5;
/** Work that waits for an app this short is on its way: the app may just be starting. */
const FRESH_MS = 60_000;
/** An op that waits longer than this for an answer is worth a look, though it goes on by itself. */
const OLD_OP_MS = 3_600_000;

/** One cause, and all that it holds up. */
export interface Finding {
  /** Stable: what it waits for, or `failed`, `leftover`, `set_aside`, `outbox`; with the code of the error if any. */
  readonly cause: string;
  readonly needsPerson: boolean;
  readonly count: number;
  readonly account: string | null;
  /** When the oldest began. Milliseconds since 1970. */
  readonly since: number | null;
  /** What is the matter. */
  readonly sentence: string;
  readonly advice: string;
  /** Up to five of them, the oldest first. */
  readonly examples: readonly {
    readonly id: string;
    readonly what: string;
    readonly owners: readonly string[];
  }[];
}

export const doctor: FileCommand = {
  takes: 'file',
  usage: 'lading doctor FILE',
  summary: 'what is stuck, why, and what to do',
  help: ['Exit code 1 when something does not go on before a person does something.'],
  options: {},
  run({ file, out, json, at }) {
    const { seen, owners } = file.read((tx) => {
      const stuck = survey(tx, at);
      const of = (id: string): readonly OwnerRow[] => ownersOf(tx, id);
      const waiting = stuck.items.filter(isStuck);
      return {
        seen: stuck,
        owners: new Map(waiting.map(({ mediaId }) => [mediaId as string, of(mediaId)])),
      };
    });
    const findings = findingsOf(seen, owners);
    const needsPerson = findings.some((finding) => finding.needsPerson);
    if (json) {
      out.json({
        format: FORMAT,
        command: 'doctor',
        at,
        attachments: seen.items.length,
        needsPerson,
        findings,
      });
    } else printFindings(out, findings, seen, printable(file.path));
    return needsPerson ? 1 : 0;
  },
};

/** What waits, and what failed; also what is gone and cannot be finished. */
function isStuck({ waitingFor, state }: Item): boolean {
  return waitingFor !== undefined || state === 'failed';
}

function findingsOf(
  seen: Survey,
  owners: ReadonlyMap<string, readonly OwnerRow[]>,
): readonly Finding[] {
  const groups = Map.groupBy(
    seen.items.filter(isStuck),
    (item) => `${item.accountId}\n${causeOf(item)}`,
  );
  const found = [...groups.values()].map((items) => {
    const oldest = items.toSorted((a, b) => a.facts.since - b.facts.since);
    return findingOf(oldest as [Item, ...Item[]], seen.at, owners);
  });
  return [...found, ...setAside(seen), ...outboxes(seen)].toSorted(
    (a, b) => Number(b.needsPerson) - Number(a.needsPerson) || (a.since ?? 0) - (b.since ?? 0),
  );
}

function causeOf({ facts, waitingFor, state }: Item): string {
  const code = facts.error === null ? '' : `:${facts.error.code}`;
  if (state === 'failed') return `failed${code}`;
  if (facts.situation === 'leftover') return `leftover${code}`;
  return waitingFor === 'backoff' ? `backoff${code}` : (waitingFor as Reason);
}

function findingOf(
  items: readonly [Item, ...Item[]],
  at: number,
  owners: ReadonlyMap<string, readonly OwnerRow[]>,
): Finding {
  const [first] = items;
  const { facts, waitingFor, state } = first;
  const advice = adviceOf(facts, waitingFor);
  const isFresh = waitingFor === 'runner' && at - facts.since < FRESH_MS;
  const what = facts.gone ? 'removed attachment' : 'attachment';
  const many = items.length === 1 ? `1 ${what}` : `${items.length} ${what}s`;
  const verb = items.length === 1 ? 'waits' : 'wait';
  const why = facts.error === null ? '' : `: ${faultWords(facts.error)}`;
  const sentence =
    state === 'failed'
      ? `${many} failed${why}.`
      : facts.situation === 'leftover'
        ? `${many} left an object at the remote, and removing it was given up${why}.`
        : `${many} ${verb} for ${reasonWords(waitingFor as Reason)}${waitingFor === 'backoff' ? why : ''}.`;
  return {
    cause: printable(causeOf(first), 80),
    needsPerson: advice.needsPerson && !isFresh,
    count: items.length,
    account: printable(first.accountId),
    since: facts.since,
    sentence,
    advice: advice.text,
    examples: items.slice(0, EXAMPLES).map(({ mediaId, contentType, sizeBytes }) => ({
      id: mediaId,
      what: `${sizeOf(sizeBytes)} ${printable(contentType, 60)}`,
      owners: (owners.get(mediaId) ?? []).map(ownerText),
    })),
  };
}

/** Dead letters: a service that no run could settle. */
function setAside({ setAside: tasks, items }: Survey): readonly Finding[] {
  if (tasks.length === 0) return [];
  const names = [...new Set(tasks.map(({ name }) => printable(name, 40)))].join(', ');
  const account = items.find(({ mediaId }) => mediaId === tasks[0]?.stream)?.accountId;
  return [
    {
      cause: 'set_aside',
      needsPerson: true,
      count: tasks.length,
      account: account === undefined ? null : printable(account),
      since: null,
      sentence: `${tasks.length === 1 ? '1 task was' : `${tasks.length} tasks were`} set aside after too many runs that never ended (${names}).`,
      advice:
        'A bug, or an app that is killed again and again while it works: report it with `lading export FILE ID`. The next start of the app gives it another chance.',
      examples: tasks.slice(0, EXAMPLES).map(({ stream, name }) => ({
        id: stream,
        what: printable(name, 40),
        owners: [],
      })),
    },
  ];
}

function outboxes({ accounts, at }: Survey): readonly Finding[] {
  return accounts
    .filter(
      ({ oldestOpAt, postponedOps }) => postponedOps > 0 || at - (oldestOpAt ?? at) > OLD_OP_MS,
    )
    .map(({ accountId, outbox, oldestOpAt, postponedOps }) => ({
      cause: 'outbox',
      needsPerson: postponedOps > 0,
      count: outbox,
      account: printable(accountId),
      since: oldestOpAt,
      sentence: `${outbox === 1 ? '1 change' : `${outbox} changes`} did not reach the backend yet${postponedOps === 0 ? '' : `; the backend failed on ${postponedOps} of them alone, so they are put off`}.`,
      advice:
        postponedOps === 0
          ? 'Nothing, if the app has no backend or no network. Else look whether the backend answers.'
          : 'See what the backend says about them: it takes others.',
      examples: [],
    }));
}

function printFindings(
  out: Output,
  findings: readonly Finding[],
  seen: Survey,
  path: string,
): void {
  const words = createWords();
  const total = `${seen.items.length} ${seen.items.length === 1 ? 'attachment' : 'attachments'}`;
  const serious = findings.filter(({ needsPerson }) => needsPerson);
  const verdict =
    findings.length === 0
      ? out.style('green', 'nothing is stuck')
      : serious.length === 0
        ? out.style('green', 'nothing needs you: what waits goes on by itself')
        : out.style(
            'red',
            `${serious.length === 1 ? '1 cause needs' : `${serious.length} causes need`} a person`,
          );
  out.line(`${out.style('bold', path)}  ${total}, as of ${words.time(seen.at)}: ${verdict}`);
  const line = out.width === undefined ? undefined : Math.min(out.width, 100) - 2;
  for (const { needsPerson, sentence, since, advice, examples, count, account } of findings) {
    out.line();
    const mark = needsPerson ? out.style('red', '!') : out.style('dim', '·');
    out.line(`${mark} ${wrapped(sentence, line, '  ')}`);
    const when = since === null ? '' : `since ${words.time(since)} (${spanOf(seen.at - since)})`;
    const where = seen.accounts.length > 1 && account !== null ? `account ${account}` : '';
    const facts = [when, where].filter((text) => text !== '').join(', ');
    if (facts !== '') out.line(`  ${out.style('dim', facts)}`);
    for (const { id, what, owners } of examples) {
      out.line(`    ${id}  ${out.style('dim', [what, ...owners].join('  '))}`);
    }
    if (examples.length > 0 && count > examples.length) {
      out.line(out.style('dim', `    … and ${count - examples.length} more: lading list FILE`));
    }
    out.line(`  ${out.style('bold', '→')} ${wrapped(advice, line, '    ')}`);
  }
  if (serious.some(({ examples }) => examples.length > 0)) {
    out.line();
    out.line('One in full: lading explain FILE ID');
  }
}
