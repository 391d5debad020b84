import { replayed } from '../../engine/explain/explain.ts';
import { attachmentMachine } from '../../machines/attachment/machine.ts';
import type { StreamId } from '../../ports/event-store.ts';
import { printable } from '../../ports/printable.ts';
import { openDatabaseFile } from '../database/open.ts';
import { activeIds, chartOf } from '../graph/chart.ts';
import { mermaidOf } from '../graph/mermaid.ts';
import { attachmentSvg, highlighted } from '../graph/svg.ts';
import { readOnlyAttachment } from '../hosted.ts';
import { Problem } from '../problem.ts';
import { selectId } from '../select.ts';
import { FORMAT, type FreeCommand } from './command.ts';
import { write } from './export.ts';

const FORMATS = ['mermaid', 'svg'];

export const graph: FreeCommand = {
  takes: 'anything',
  usage: 'lading graph [FILE --id ID] [--format mermaid|svg] [-o FILE]',
  summary: 'the state machine of an attachment as Mermaid or SVG, with where one stands',
  help: [
    '  --format FORMAT  mermaid, which is text, or svg; mermaid if not given',
    '  --id ID          marks the states that this attachment of FILE is in',
    '  -o, --output     writes to this file instead of standard output; it must not exist',
  ],
  options: {
    format: { type: 'string' },
    id: { type: 'string' },
    output: { type: 'string', short: 'o' },
  },
  async run({ out, values, json }, [path, ...more]) {
    const format = String(values['format'] ?? 'mermaid');
    if (!FORMATS.includes(format)) {
      throw new Problem(
        `"${printable(format, 40)}" is not a format. There are: ${FORMATS.join(', ')}.`,
      );
    }
    if (more[0] !== undefined) {
      throw new Problem(
        `"${printable(more[0], 60)}" is one argument too many. Use: ${graph.usage}`,
      );
    }
    const id = values['id'];
    if (id === undefined && path !== undefined) {
      throw new Problem(
        'Which attachment of that database? Add --id ID, or leave the file out for the whole machine.',
      );
    }
    if (id !== undefined && path === undefined) {
      throw new Problem(`Which database? Use: ${graph.usage}`);
    }
    const chart = chartOf(attachmentMachine);
    const value = path === undefined ? undefined : await stateOf(path, String(id));
    const active = value === undefined ? new Set<string>() : activeIds(chart, value);
    const text = format === 'svg' ? highlighted(attachmentSvg(), active) : mermaidOf(chart, active);
    const target = values['output'];
    if (target !== undefined) write(String(target), text);
    if (json) {
      out.json({ format: FORMAT, command: 'graph', kind: format, active: [...active], text });
    } else if (target === undefined) out.raw(text);
    else out.line(`${printable(target)} was written.`);
    return 0;
  },
};

/** The state that an attachment is in; a tombstone records none, so the log is folded. */
async function stateOf(path: string, given: string): Promise<unknown> {
  const file = await openDatabaseFile(path);
  try {
    return file.read((tx) => {
      const events = tx.log.read(selectId(tx, given) as StreamId);
      return [...replayed(events, readOnlyAttachment())].at(-1)?.stage.value;
    });
  } finally {
    file.close();
  }
}
