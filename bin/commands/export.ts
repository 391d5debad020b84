import { writeFileSync } from 'node:fs';
import { explain, replayed } from '../../engine/explain/explain.ts';
import type { AttachmentContext } from '../../machines/attachment/context.ts';
import type { Owner } from '../../machines/attachment/types.ts';
import { opsOf } from '../../persistence/inspection/queries.ts';
import type { StreamId } from '../../ports/event-store.ts';
import { printable } from '../../ports/printable.ts';
import { readOnlyAttachment } from '../hosted.ts';
import { Problem } from '../problem.ts';
import { createRedactor } from '../redactor.ts';
import { selectId } from '../select.ts';
import { surroundingsOf } from '../survey.ts';
import { type FileCommand, FORMAT } from './command.ts';

export const exportCommand: FileCommand = {
  takes: 'file and id',
  usage: 'lading export FILE ID [--include-ids] [-o FILE]',
  summary: 'one attachment as JSON for a bug report, redacted',
  help: [
    '  --include-ids    keeps ids of accounts, projects and entities, which are left out otherwise',
    '  -o, --output     writes to this file instead of standard output; it must not exist',
    'File names, paths, addresses of uploads and tokens are always left out; the report says what was.',
    'Look through it before you send it: what a server said may hold anything.',
  ],
  options: {
    'include-ids': { type: 'boolean' },
    output: { type: 'string', short: 'o' },
  },
  run({ file, out, id: given, at, values }) {
    const report = file.read((tx) => {
      const id = selectId(tx, given);
      const events = tx.log.read(id as StreamId);
      const stages = [...replayed(events, readOnlyAttachment())];
      const context = stages.at(-1)?.stage.context as AttachmentContext;
      const redactor = createRedactor({
        includeIds: values['include-ids'] === true,
        contexts: stages.map(({ stage }) => stage.context),
        payloads: events.map(({ payload }) => payload),
      });
      const { clean } = redactor;
      const around = surroundingsOf(tx, id, at);
      const {
        sentences,
        story: _story,
        ...explained
      } = explain(events, readOnlyAttachment(), around, {
        timeZone: 'UTC',
        nameOwner: (owner: Owner) => redactor.owner(owner),
      });
      return {
        format: FORMAT,
        command: 'export',
        at,
        // In the order in which a reader needs them: first what was left out.
        redacted: redactor.report,
        node: process.version,
        platform: process.platform,
        schemaVersion: file.schemaVersion,
        ...(clean(explained) as object),
        sentences: sentences.map((sentence) => redactor.text(sentence)),
        media: clean(context.media),
        policy: context.policy,
        context: clean({ ...context, media: undefined, policy: undefined }),
        events: events.map((event) => ({
          version: event.version,
          position: event.position,
          at: event.at,
          jitter: event.jitter,
          type: event.type,
          schemaVersion: event.schemaVersion,
          payload: clean(event.payload),
          state: event.state,
        })),
        tasks: tx.tasks
          .of(id as StreamId)
          .map(({ kind, name, run, startedAt, dueAt, attempts, runner, buried }) => ({
            kind,
            name,
            run,
            startedAt,
            dueAt,
            attempts,
            held: runner !== null,
            setAside: buried === undefined ? null : redactor.text(String(buried)),
          })),
        outbox: opsOf(tx, id),
        surroundings: around,
      };
    });
    const text = `${JSON.stringify(report, null, 2)}\n`;
    const target = values['output'];
    if (target === undefined) out.raw(text);
    else {
      write(String(target), text);
      out.line(`${printable(target)} was written. Left out: ${report.redacted.join('; ')}.`);
    }
    return 0;
  },
};

/** @throws {Problem} where a file is there already, or none can be. */
export function write(target: string, text: string): void {
  try {
    writeFileSync(target, text, { flag: 'wx' });
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    throw new Problem(
      code === 'EEXIST'
        ? `${printable(target)} is there already: give another name, nothing is overwritten.`
        : `${printable(target)} cannot be written (${printable(code ?? error)}): give another place.`,
    );
  }
}
