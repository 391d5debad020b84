import { spawn } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Protection } from './protections.ts';

export const ROOT = join(fileURLToPath(import.meta.url), '../../..');

/** What one test file said. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** Of the first failure, or why nothing ran. */
  readonly said: string;
}

export interface Workshop {
  /** Runs a test file on the copy, with this protection taken away, or as it stands. */
  run(test: string, without?: Protection): Promise<Outcome>;
  dispose(): void;
}

/** A copy of the sources in a temporary folder, with the packages of this one: what is broken there harms nobody. */
export function openWorkshop(): Workshop {
  const copy = mkdtempSync(join(tmpdir(), 'lading-protections-'));
  for (const entry of readdirSync(ROOT, { withFileTypes: true })) {
    if (LEFT_OUT.has(entry.name)) continue;
    cpSync(join(ROOT, entry.name), join(copy, entry.name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'dir');
  return {
    async run(test, without) {
      if (without === undefined) return vitest(copy, test);
      const path = join(copy, without.file);
      const before = readFileSync(path, 'utf8');
      writeFileSync(path, weakened(before, without));
      try {
        return await vitest(copy, test);
      } finally {
        writeFileSync(path, before);
      }
    },
    dispose: () => rmSync(copy, { recursive: true, force: true }),
  };
}

const LEFT_OUT = new Set(['node_modules', 'dist', '.git', '.tmp', 'coverage']);

/** The source without the protection. @throws when it does not stand there exactly once. */
export function weakened(source: string, { file, find, replace }: Protection): string {
  const times = source.split(find).length - 1;
  if (times !== 1) throw new Error(`${file} holds this ${times} times, not once: ${find}`);
  return source.replace(find, () => replace);
}

async function vitest(cwd: string, test: string): Promise<Outcome> {
  const report = join(cwd, 'report.json');
  rmSync(report, { force: true });
  const entry = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const args = [entry, 'run', test, '--reporter=json', `--outputFile=${report}`, '--maxWorkers=1'];
  const output: Buffer[] = [];
  await new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd, env: plainEnvironment() });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => output.push(bytes));
    }
    child.on('close', resolve);
  });
  const said = Buffer.concat(output).toString().slice(-500);
  try {
    const found = JSON.parse(readFileSync(report, 'utf8')) as Report;
    const failure = found.testResults
      .flatMap((file) => file.assertionResults)
      .find((one) => one.status === 'failed');
    return {
      passed: found.numPassedTests,
      failed: found.numFailedTests,
      said: failure?.fullName ?? said,
    };
  } catch {
    return { passed: 0, failed: 0, said };
  }
}

/** The part of Vitest's JSON report that is looked at. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** A run inside a run must not take itself for the outer one. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(?:VITEST|TEST$|NODE_ENV$|LADING_TEST_REPORT)/.test(name),
    ),
  );
}
