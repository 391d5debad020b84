import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LogSize, weighLives } from './lives.ts';

/** `npm run log-size -- 100000`: what the log of so many lives takes, before and after it was compacted. */
const lives = Number(process.argv[2] ?? 10_000);
const folder = await mkdtemp(join(tmpdir(), 'lading-log-size-'));
try {
  for (const kind of ['purged', 'settled'] as const) {
    console.log(say(await weighLives(folder, kind, lives)));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

function say(size: LogSize): string {
  const { kind, callMs, ...rest } = size;
  const what = kind === 'settled' ? 'checkpoint' : 'tombstone';
  return [
    `${rest.lives} ${kind} lives of ${rest.eventsEach.toFixed(1)} events each, ${rest.differences} differences when verified`,
    `  file   ${rest.bytesBefore} → ${rest.bytesAfter} bytes (${rest.eachBefore} → ${rest.eachAfter} a life, rows of what is kept among it)`,
    `  log    ${rest.logEachBefore} → ${rest.logEachAfter} bytes a life: one ${what}, its head, their indexes`,
    `  time   ${callMs.median.toFixed(1)} ms a call of the compactor, ${callMs.p99.toFixed(1)} ms (p99), ${callMs.most.toFixed(1)} ms (longest), without its sync to disk`,
  ].join('\n');
}
