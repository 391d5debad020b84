import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type CodeBlock, codeBlocks, type Page, root } from './markdown.ts';

const run = promisify(execFile);

/** What pages call their server; a real one on loopback takes its place. */
const ENDPOINT = 'https://files.example.com/uploads';

/**
 * A page as the program that it is: its TypeScript blocks, one after the other, are one module in an empty folder.
 * A block that names a file (```` ```ts file=fields.ts ````) is that file, and the others may import it. A block
 * ```` ```text prints ```` holds lines that the program prints, in this order; `…` in it stands for anything.
 */
export interface PageProgram {
  readonly files: ReadonlyMap<string, string>;
  readonly main: string;
  readonly prints: readonly string[];
}

export function programOf(page: Page): PageProgram | undefined {
  const blocks = codeBlocks(page);
  const code = blocks.filter(({ language }) => language === 'ts');
  if (code.length === 0) return undefined;
  const inFiles = code.filter((block) => fileOf(block) !== undefined);
  return {
    files: new Map(inFiles.map((block) => [fileOf(block) ?? '', block.code])),
    main: code
      .filter((block) => !inFiles.includes(block))
      .map((block) => block.code)
      .join('\n'),
    prints: blocks
      .filter(({ language, info }) => language === 'text' && info === 'prints')
      .flatMap((block) => block.code.split('\n').filter((line) => line.trim() !== '')),
  };
}

/** Runs a program in a folder of its own, inside the package, where `lading` means this package as it is built. */
export async function runProgram(
  program: PageProgram,
  endpoint: string,
): Promise<{ readonly stdout: string; readonly missing: readonly string[] }> {
  const folder = await temporaryFolder('page-');
  const real = (text: string): string => text.replaceAll(ENDPOINT, endpoint);
  try {
    for (const [name, code] of program.files) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), real(code));
    }
    await writeFile(join(folder, 'main.ts'), real(program.main));
    const { stdout } = await run(process.execPath, ['main.ts'], { cwd: folder, timeout: 60_000 });
    return { stdout, missing: missingLines(stdout, program.prints) };
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The expected lines that do not come, each after the one before it. */
export function missingLines(stdout: string, expected: readonly string[]): readonly string[] {
  const lines = stdout.split('\n');
  let at = 0;
  return expected.filter((line) => {
    const pattern = new RegExp(`^${line.trim().split('…').map(escaped).join('.*')}$`);
    const found = lines.findIndex((printed, n) => n >= at && pattern.test(printed.trim()));
    if (found >= 0) at = found + 1;
    return found < 0;
  });
}

export interface PageServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** The server of the README, on a port that is free. */
export async function startPageServer(readme: Page): Promise<PageServer> {
  const folder = await temporaryFolder('page-server-');
  const code = codeBlocks(readme).find((block) => block.code.includes('ladingTusHooks'))?.code;
  const tell = "listen(0, '127.0.0.1', function () { process.send?.(this.address()); })";
  const script = join(folder, 'server.mjs');
  await writeFile(script, (code ?? '').replace('listen(1080)', tell));
  const server: ChildProcess = fork(script, { cwd: folder, execArgv: [] });
  const [address] = (await once(server, 'message')) as [{ readonly port: number }];
  return {
    endpoint: `http://127.0.0.1:${address.port}/uploads`,
    async stop() {
      server.kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export function build(): Promise<unknown> {
  return run(process.execPath, ['tools/build.ts'], { cwd: root });
}

async function temporaryFolder(prefix: string): Promise<string> {
  await mkdir(join(root, '.tmp'), { recursive: true });
  return mkdtemp(join(root, '.tmp', prefix));
}

function fileOf({ info }: CodeBlock): string | undefined {
  return /^file=(\S+)$/.exec(info)?.[1];
}

/** As text in a pattern; `RegExp.escape` is not in every Node that runs these tests. */
function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
