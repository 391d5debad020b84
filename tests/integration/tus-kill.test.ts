import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tusRemote } from 'lading/remotes/tus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { content, engine, sha256, uploadRequest } from '../support/tus-world.ts';

const SCRIPT = join(import.meta.dirname, '..', 'support', 'tus-process.ts');

describe('a tus server that is killed in the middle of a request', () => {
  let directory: string;
  let child: ChildProcess | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lading-tus-kill-'));
  });
  afterEach(async () => {
    await kill();
    await rm(directory, { recursive: true, force: true });
  });

  it('keeps what it had: the upload goes on at that byte when it is back', async () => {
    const movie = content(24_000_000);
    const port = await start(0);
    const remote = tusRemote({ endpoint: `http://127.0.0.1:${port}/files` });
    const lent = engine();
    const base = uploadRequest(movie);
    const halfway = {
      ...base,
      // The bytes stop coming half-way: what the server has then is in the file or in the kernel's buffers.
      async *open(range = {}) {
        let given = 0;
        for await (const bytes of base.open(range)) {
          if (given > 12_000_000 && child !== undefined) await kill();
          given += bytes.byteLength;
          yield bytes;
        }
      },
    };
    const broken = await remote.upload(halfway, lent.run());
    expect(broken).toMatchObject({ ok: false, class: 'retryable', code: 'network' });
    const refused = await remote.upload(base, lent.run());
    // As the kernel has it: a connection that was kept breaks, or a new one is refused.
    const code = expect.stringMatching(/^(network|host_unreachable)$/);
    expect(refused).toMatchObject({ ok: false, class: 'retryable', code });

    await start(port);
    const kept = (await readFile(join(directory, 'account-1.media-1'))).byteLength;
    expect(kept).toBeGreaterThan(0);
    const asked: number[] = [];
    const watched = {
      ...base,
      open(range: { readonly start?: number; readonly end?: number } = {}) {
        asked.push(range.start ?? 0);
        return base.open(range);
      },
    };
    expect(await remote.upload(watched, lent.run())).toMatchObject({ ok: true });
    expect(asked).toEqual([kept]);
    const names = (await readdir(directory)).filter((name) => !name.endsWith('.json'));
    expect(names).toEqual(['account-1.media-1']);
    expect(sha256(await readFile(join(directory, 'account-1.media-1')))).toBe(sha256(movie));
  });

  async function start(port: number): Promise<number> {
    const args = [SCRIPT, directory, String(port)];
    child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    return Number(line.toString());
  }

  async function kill(): Promise<void> {
    const victim = child;
    child = undefined;
    if (victim === undefined || victim.exitCode !== null) return;
    const gone = once(victim, 'exit');
    victim.kill('SIGKILL');
    await gone;
  }
});
