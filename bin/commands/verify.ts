import { type Difference, verifyStreams } from '../../engine/host/verify.ts';
import { audited } from '../../engine/lifecycle/verify.ts';
import { attachmentAudit } from '../../persistence/attachment/audit.ts';
import type { StreamId } from '../../ports/event-store.ts';
import { redact } from '../../ports/redact.ts';
import { readOnlyAttachment } from '../hosted.ts';
import { type FileCommand, FORMAT } from './command.ts';

const SLICE = 100;

export const verify: FileCommand = {
  takes: 'file',
  usage: 'lading verify FILE',
  summary: 'replays the whole log and compares every row with it',
  help: [
    'Exit code 1 when something differs. Nothing is repaired here: that is `lading.verify({ repair: true })` in the app.',
  ],
  options: {},
  async run({ file, out, json }) {
    const found: {
      readonly stream: string | null;
      readonly kind: Difference['kind'];
      readonly message: string;
    }[] = [];
    let checked = 0;
    for (let after: StreamId | undefined; ; ) {
      const slice = await verifyStreams(
        file.events,
        [audited(readOnlyAttachment(), attachmentAudit)],
        {
          after,
          limit: SLICE,
        },
      );
      checked += slice.checked;
      for (const { stream, kind, message } of slice.differences) {
        found.push({ stream, kind, message: redact(message, 500) });
      }
      after = slice.next;
      if (after === undefined) break;
    }
    for (const message of file.read((tx) => attachmentAudit.compareTotals(tx))) {
      found.push({ stream: null, kind: 'projection', message: redact(message, 500) });
    }
    const ok = found.length === 0;
    if (json)
      out.json({ format: FORMAT, command: 'verify', ok, streams: checked, differences: found });
    else if (ok) {
      out.line(
        `${out.style('green', 'ok')}  ${checked} streams were replayed, and every row is what the log says.`,
      );
    } else {
      out.line(out.style('red', `${found.length} differences in ${checked} streams:`));
      for (const { stream, kind, message } of found) {
        out.line(`  ${stream ?? 'totals'}  ${kind}: ${message}`);
      }
      out.line();
      out.line(
        'The log is the truth. `lading.verify({ repair: true })` in the app writes the rows anew from it;',
      );
      out.line(
        'differences of kind "log" and "state" it cannot mend: report them with `lading export FILE ID`.',
      );
    }
    return ok ? 0 : 1;
  },
};
