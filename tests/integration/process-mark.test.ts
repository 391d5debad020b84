import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isHelper } from '../../adapters/remotes/node-carrier/process-mark.ts';

const MARK = 'lading-carrier-7f1c';
/** Systems whose way of asking works on this one; Windows has one of its own. */
const systems: readonly NodeJS.Platform[] =
  process.platform === 'win32'
    ? ['win32']
    : process.platform === 'linux'
      ? ['linux', 'darwin']
      : [process.platform];

describe('whether a process is still the helper that a record names', () => {
  let helper: ChildProcess | undefined;
  afterEach(async () => {
    vi.restoreAllMocks();
    if (helper === undefined || helper.exitCode !== null || helper.signalCode !== null) return;
    const gone = once(helper, 'exit');
    helper.kill('SIGKILL');
    await gone;
  });

  /** @returns its process id. */
  async function begin(mark: string): Promise<number> {
    const script = "process.stdout.write('here'); setInterval(() => {}, 1000)";
    helper = spawn(process.execPath, ['-e', script, mark], { stdio: ['ignore', 'pipe', 'ignore'] });
    if (helper.stdout !== null) await once(helper.stdout, 'data');
    return helper.pid ?? 0;
  }

  it.each(systems)(
    'is told by its command line, since ids are given away again: %s',
    async (system) => {
      const pid = await begin(MARK);
      expect(await isHelper({ pid, mark: MARK }, system)).toBe(true);
      expect(await isHelper({ pid, mark: 'lading-carrier-another' }, system)).toBe(false);
      const gone = once(helper as ChildProcess, 'exit');
      process.kill(pid, 'SIGKILL');
      await gone;
      expect(await isHelper({ pid, mark: MARK }, system)).toBe(false);
    },
  );

  it.each(systems)(
    'is not so where the id is another user’s now: nothing may be sent to that one (%s)',
    async (system) => {
      const pid = await begin('a daemon');
      vi.spyOn(process, 'kill').mockImplementation(() => {
        throw Object.assign(new Error('not permitted'), { code: 'EPERM' });
      });
      expect(await isHelper({ pid, mark: MARK }, system)).toBe(false);
      vi.restoreAllMocks();
    },
  );

  it.each([0, -1, 1.5, Number.NaN])('is not so of what is no process id: %d', async (pid) => {
    expect(await isHelper({ pid, mark: '' })).toBe(false);
  });
});
