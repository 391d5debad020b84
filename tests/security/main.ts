/**
 * Takes every protection of contract 10 away, one at a time, and requires that its test fails.
 * Usage: `npm run protections`, or with a clause or a part of a line: `npm run protections -- 10.3`.
 */
import { openWorkshop } from './mutate.ts';
import { PROTECTIONS } from './protections.ts';

const [wanted = ''] = process.argv.slice(2);
const chosen = PROTECTIONS.filter(({ clause, line, file }) =>
  `${clause} ${line} ${file}`.includes(wanted),
);
const workshop = openWorkshop();
let unguarded = 0;
try {
  for (const test of new Set(chosen.map((protection) => protection.test))) {
    const whole = await workshop.run(test);
    if (whole.failed > 0 || whole.passed === 0) {
      unguarded += 1;
      console.log(`${test} does not pass as it stands: ${whole.said}`);
    }
  }
  for (const protection of chosen) {
    const { failed, said } = await workshop.run(protection.test, protection);
    if (failed === 0) unguarded += 1;
    const verdict = failed > 0 ? `fails: ${said}` : `NOT NOTICED (${said.trim().slice(-200)})`;
    console.log(`${protection.clause}  ${protection.line}  ${protection.file}\n      ${verdict}`);
  }
} finally {
  workshop.dispose();
}
console.log(`${chosen.length} protections, ${unguarded} unguarded`);
if (unguarded > 0 || chosen.length === 0) process.exitCode = 1;
