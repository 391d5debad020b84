import { exitCodeOf } from '../../../testing/cli/usage.ts';
import { type ChaosArguments, HELP, parseChaosArguments } from './arguments.ts';
import { runChaos } from './campaign.ts';

/** `npm run chaos`: everything at once. See `--help`. */
process.exitCode = await exitCodeOf(async () => {
  const options = parseChaosArguments(process.argv.slice(2));
  if (!options.help) return chaos(options);
  console.log(HELP);
  return true;
});

async function chaos(options: ChaosArguments): Promise<boolean> {
  const seed = options.seed ?? 1 + Math.floor(Math.random() * 1_000_000);
  console.log(`seed ${seed}: ${options.files} files by ${options.store}`);
  const report = await runChaos({
    ...options,
    seed,
    onProgress: (text) => console.log(`  ${text}`),
  });
  const { problems, ...facts } = report;
  console.log(JSON.stringify(facts, null, 2));
  for (const problem of problems) console.log(`WRONG: ${problem}`);
  const verdict = problems.length === 0 ? 'sound' : `${problems.length} problems`;
  console.log(`seed ${seed} by ${options.store}: ${verdict}`);
  return problems.length === 0;
}
