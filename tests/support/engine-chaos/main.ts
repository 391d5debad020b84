import { exitCodeOf } from '../../../testing/cli/usage.ts';
import { HELP, type KillOptions, parseKillArguments } from './arguments.ts';
import { runCampaign } from './campaign.ts';

/** `npm run kill`: kills the whole engine on real parts. See `--help`. */
process.exitCode = await exitCodeOf(async () => {
  const options = parseKillArguments(process.argv.slice(2));
  if (!options.help) return kill(options);
  console.log(HELP);
  return true;
});

async function kill(options: KillOptions): Promise<boolean> {
  const seed = options.seed ?? 1 + Math.floor(Math.random() * 1_000_000);
  console.log(`seed ${seed} on ${options.driver}`);
  const report = await runCampaign({
    seed,
    driver: options.driver,
    randomKills: options.kills,
    perPoint: options.perPoint,
    lanes: options.lanes,
    serverKills: options.serverKills,
    photoBytes: [20_000, 300_000],
    largeBytes: [1_000_000, 5_000_000],
    keep: options.keep,
    onChain: (chain, done, of) => {
      console.log(`${done}/${of}: ${chain.kills} kills, ${chain.problems.join('\n  ') || 'sound'}`);
    },
  });
  console.log(JSON.stringify(report, null, 2));
  return report.problems.length === 0 && report.neverReached.length === 0;
}
