import { type Explanation, explain } from '../../engine/explain/explain.ts';
import { createWords } from '../../engine/explain/words.ts';
import { mediaOf } from '../../persistence/inspection/queries.ts';
import { isCompacted } from '../../ports/compacted.ts';
import type { StoredEvent, StreamId } from '../../ports/event-store.ts';
import { printable } from '../../ports/printable.ts';
import { redacted } from '../../ports/redact.ts';
import { readOnlyAttachment } from '../hosted.ts';
import { wrapped } from '../print/output.ts';
import { printTable } from '../print/table.ts';
import { Problem } from '../problem.ts';
import { selectId } from '../select.ts';
import { surroundingsOf } from '../survey.ts';
import { type FileCall, type FileCommand, FORMAT } from './command.ts';
import { coloured } from './status.ts';

/** An attachment's events and what they come to. */
export interface Story {
  readonly id: string;
  /** For people to read; escaped. */
  readonly filename: string | null;
  readonly events: readonly StoredEvent[];
  readonly explanation: Explanation;
}

function storyOf({ file, id: given, at, values }: FileCall): Story {
  return file.read((tx) => {
    const id = selectId(tx, given);
    const events = tx.log.read(id as StreamId);
    const filename = mediaOf(tx, id)?.filename ?? null;
    const atVersion = versionOf(values['at-version'], events);
    return {
      id,
      filename: filename === null ? null : printable(filename),
      events,
      explanation: explain(
        events,
        readOnlyAttachment(),
        surroundingsOf(tx, id, at),
        atVersion === undefined ? {} : { atVersion },
      ),
    };
  });
}

export const history: FileCommand = {
  takes: 'file and id',
  usage: 'lading history FILE ID',
  summary: 'every event of one attachment, with the state after it',
  help: [
    'Payloads are in --json, without secrets: tokens and the addresses of uploads are left out.',
  ],
  options: {},
  run(call) {
    const { out, json } = call;
    const { id, events, explanation } = storyOf(call);
    if (json) {
      out.json({
        format: FORMAT,
        command: 'history',
        id,
        events: events.map((event, index) => ({
          version: event.version,
          position: event.position,
          at: event.at,
          type: event.type,
          schemaVersion: event.schemaVersion,
          payload: redacted(event.payload),
          state: event.state,
          situation: explanation.story[index]?.situation,
        })),
      });
      return 0;
    }
    const count = events.at(-1)?.version ?? 0;
    const [first] = events;
    const stands = first !== undefined && isCompacted(first.type) ? first.version : 0;
    const compacted = stands === 0 ? '' : `, the first ${stands} of them compacted to one`;
    out.line(`${out.style('bold', id)}  ${count} events${compacted}`);
    const words = createWords();
    const times = new Map(events.map(({ version, at }) => [version, words.time(at)]));
    printTable(
      out,
      [
        { title: '#', cell: ({ version }) => String(version), align: 'right' },
        { title: 'time', cell: ({ version }) => times.get(version) ?? '', align: 'right' },
        { title: 'event', cell: ({ type }) => printable(type, 60) },
        { title: 'then it is', cell: ({ situation }) => situation },
        { title: 'state of the machine', cell: ({ state }) => stateText(state) },
      ],
      explanation.story,
    );
    return 0;
  },
};

export const explainCommand: FileCommand = {
  takes: 'file and id',
  usage: 'lading explain FILE ID [--at-version N]',
  summary: 'one attachment in sentences: what happened, where it stands, what to do',
  help: ['  --at-version N   as it was after event N of `lading history`'],
  options: { 'at-version': { type: 'string' } },
  run(call) {
    const { out, json } = call;
    const { id, filename, explanation } = storyOf(call);
    if (json) {
      out.json({ format: FORMAT, command: 'explain', at: call.at, ...explanation });
      return 0;
    }
    const { state, waitingFor, version, versions, story, standing, advice } = explanation;
    const waits = waitingFor === undefined ? '' : `, waiting for ${waitingFor}`;
    out.line(`${out.style('bold', id)}${filename === null ? '' : `  “${filename}”`}`);
    out.line(
      `${coloured(out, state)}${waits}${version === versions ? '' : `, as it was after event ${version} of ${versions}`}`,
    );
    const paragraph = (title: string, sentences: readonly string[]): void => {
      out.line();
      out.line(out.style('bold', title));
      for (const sentence of sentences)
        out.line(`  ${wrapped(sentence, lineOf(out.width), '    ')}`);
    };
    paragraph(
      'What happened',
      story.map(({ sentence }) => sentence),
    );
    paragraph('Where it stands', standing);
    paragraph('What to do', [advice.text]);
    return 0;
  },
};

/** `linked · uploading · present` */
function stateText(value: unknown): string {
  if (typeof value === 'string') return value;
  return Object.values(value as Readonly<Record<string, unknown>>)
    .map(leafOf)
    .join(' · ');
}

function leafOf(value: unknown): string {
  return typeof value === 'string'
    ? value
    : Object.values(value as Readonly<Record<string, unknown>>)
        .map(leafOf)
        .join('.');
}

const lineOf = (width: number | undefined): number | undefined =>
  width === undefined ? undefined : Math.min(width, 100) - 4;

function versionOf(
  given: string | boolean | undefined,
  events: readonly StoredEvent[],
): number | undefined {
  if (given === undefined) return undefined;
  const [oldest, newest] = [events[0]?.version ?? 1, events.at(-1)?.version ?? 0];
  const version = /^\d+$/.test(String(given)) ? Number(given) : 0;
  if (version >= oldest && version <= newest) return version;
  const why = oldest === 1 ? '' : `; those before event ${oldest} were compacted`;
  throw new Problem(
    `--at-version takes a whole number from ${oldest} to ${newest}, which is how many events it has${why}, not "${printable(given, 40)}".`,
  );
}
