import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { drawAttachment } from '../../tools/graph/draw.ts';
import { lading, sickPhone } from '../support/cli-world.ts';

const folder = mkdtempSync(join(tmpdir(), 'lading-cli-docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('what docs/cli.md and the README show is what the command prints', async () => {
  const phone = await sickPhone(folder);
  const blocks = ['docs/cli.md', 'README.md'].flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/```text\n\$ npx lading (.*)\n([\s\S]*?)```/g)].map(
      ([, command = '', shown = '']) => ({ page, command, shown }),
    ),
  );
  expect(blocks.length).toBeGreaterThan(5);
  const printed: typeof blocks = [];
  for (const { page, command } of blocks) {
    const args = command.split(' ').map((arg) => (arg === 'app.sqlite' ? phone.file : arg));
    const { stdout, stderr } = await lading([...args, '--at', phone.now]);
    const shown = `${stdout}${stderr}`.replaceAll(phone.file, 'app.sqlite');
    printed.push({ page, command, shown });
  }
  expect(printed).toEqual(blocks);
}, 120_000);

it('the drawing in the package is of the machine as it is: npm run graph draws it anew', async () => {
  expect(readFileSync('bin/graph/attachment.svg', 'utf8')).toBe(await drawAttachment());
}, 60_000);
