import { sendByLading, sendPlainly } from './engine.ts';
import { type BenchFiles, benchFiles } from './files.ts';
import type { Subject } from './subjects.ts';

const ROUNDS = 5;
const CONCURRENCY = 3;
const SIZES = [
  { of: '20 MB', goal: 'large', count: 9, sizeBytes: 20_000_000 },
  { of: '200 KB', goal: 'small', count: 120, sizeBytes: 200_000 },
] as const;

export interface Throughput {
  readonly of: string;
  readonly subject: Subject;
  /** Bytes a second. */
  readonly lading: number;
  readonly plain: number;
  /** The median of the rounds' own ratios: what else the machine does falls on both sides of each. */
  readonly ratio: number;
  readonly goal: number;
}

/** Uploads of files, from rows and files that are durable to rows that are, held against sending the bytes alone. */
export async function throughput(
  folder: string,
  subjects: readonly Subject[],
): Promise<readonly Throughput[]> {
  const figures: Throughput[] = [];
  for (const { of, goal, count, sizeBytes } of SIZES) {
    const files = await benchFiles(folder, count, sizeBytes);
    for (const subject of subjects) {
      const rounds = [];
      for (let round = 0; round <= ROUNDS; round++) {
        const one = await oneRound(folder, subject, files, `${sizeBytes}-${round}`);
        if (round > 0) rounds.push(one); // the first one warms up
      }
      figures.push({
        of,
        subject,
        goal: subject.goals[goal],
        lading: files.totalBytes / (medianOf(rounds.map((one) => one.ladingMs)) / 1_000),
        plain: files.totalBytes / (medianOf(rounds.map((one) => one.plainMs)) / 1_000),
        ratio: medianOf(rounds.map((one) => one.plainMs / one.ladingMs)),
      });
    }
  }
  return figures;
}

async function oneRound(folder: string, subject: Subject, files: BenchFiles, round: string) {
  let n = 0;
  const plainMs = await sendPlainly(files.paths, CONCURRENCY, (path) =>
    subject.plain(path, `${round}-${n++}`),
  );
  const ladingMs = await sendByLading(folder, subject.remote(round), files, CONCURRENCY);
  return { plainMs, ladingMs };
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
