/**
 * Kills the whole engine on real parts: `npm run kill -- [--kills 300] [--seed N] [--per-point 3] [--lanes 2]
 * [--server-kills 0.15] [--keep]`. Exit code 1 when the judge found anything.
 */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    'per-point': { type: 'string', default: '3' },
    lanes: { type: 'string', default: '2' },
    'server-kills': { type: 'string', default: '0.15' },
    keep: { type: 'boolean', default: false },
  },
});

const seed = Number(values.seed);
console.log(`seed ${seed}`);
const report = await runCampaign({
  seed,
  randomKills: Number(values.kills),
  perPoint: Number(values['per-point']),
  lanes: Number(values.lanes),
  serverKills: Number(values['server-kills']),
  photoBytes: [20_000, 300_000],
  largeBytes: [1_000_000, 5_000_000],
  keep: values.keep,
  onChain: (chain, done, of) => {
    console.log(`${done}/${of}: ${chain.kills} kills, ${chain.problems.join('\n  ') || 'sound'}`);
  },
});
console.log(JSON.stringify(report, null, 2));
process.exitCode = report.problems.length === 0 && report.neverReached.length === 0 ? 0 : 1;
