/** `npm run demo`: the main promise of Lading, on real files. See `--help`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DemoOptions, HELP, parseArguments, UsageError } from './arguments.ts';
import { runChaosStory } from './judge/chaos-story.ts';
import { startChildren } from './judge/children.ts';
import { chooseFiles } from './judge/files.ts';
import { runStory } from './judge/story.ts';
import { openScreen } from './screen/open-screen.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const options = parseArguments(process.argv.slice(2));
    if (options.help) {
      console.log(HELP);
      return 0;
    }
    return await demo(options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    return 2;
  }
}

async function demo(options: DemoOptions): Promise<number> {
  const workspace = await mkdtemp(join(tmpdir(), 'lading-demo-'));
  const children = startChildren();
  let keep = options.keep;
  let failed = false;
  try {
    const chosen = await chooseFiles(options, join(workspace, 'examples'));
    const screen = openScreen(chosen);
    try {
      const { breakage, chaosSeed } = options;
      const parts = { chosen, workspace, children, screen, breakage };
      const holds = await (chaosSeed === undefined
        ? runStory(parts)
        : runChaosStory(parts, chaosSeed));
      failed = !holds;
    } catch (error) {
      failed = true;
      screen.problem(error instanceof Error ? error.message : String(error));
    } finally {
      screen.close();
    }
    // What failed is worth a look.
    keep ||= failed && options.breakage === undefined && !children.interrupted;
    if (keep) console.log(keptText(workspace));
  } finally {
    await children.close();
    if (!keep) await rm(workspace, { recursive: true, force: true, maxRetries: 5 });
  }
  if (children.interrupted) return 130;
  return failed ? 1 : 0;
}

function keptText(workspace: string): string {
  return `
Kept for you in ${workspace}
  app/app.sqlite   the app's table "report", and Lading's tables "lading_…"
  app/bytes        the local copies
  server           what the server holds`;
}
