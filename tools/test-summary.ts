/**
 * Prints the counts of a Vitest JSON report; the last line is `12 passed, 0 failed`, before it what was skipped.
 * A file that could not be collected counts as one failure, and so does a run that failed without a failed test.
 * Usage: `node tools/test-summary.ts REPORT`
 */
import { readFileSync } from 'node:fs';

interface Report {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const file = process.argv[2];
if (file === undefined) throw new Error('Usage: node tools/test-summary.ts REPORT');
const report = JSON.parse(readFileSync(file, 'utf8')) as Report;

const failures = report.testResults.map(({ status, assertionResults }) => {
  const failed = assertionResults.filter((test) => test.status === 'failed').length;
  return failed === 0 && status === 'failed' ? 1 : failed;
});
const found = failures.reduce((sum, failed) => sum + failed, 0);
const failed = found === 0 && !report.success ? 1 : found;
const skipped = report.numPendingTests + report.numTodoTests;

if (skipped > 0)
  console.log(`${skipped} skipped: what a driver or a machine does not have, named in the title`);
console.log(`${report.numPassedTests} passed, ${failed} failed`);
