/**
 * The app: a process of its own, to be killed. It starts the same way each time: it opens its database, captures the
 * files that it has not captured yet, and lets Lading carry on. It has no code for "after a crash".
 */
import { fileSource } from 'lading/blobs/directory';
import type { AppCommand, AppMessage, AppOrders, FinalReport } from '../messages.ts';
import { openApp } from './open-app.ts';
import { reportFor } from './reports.ts';
import { showOn } from './show.ts';

const orders = JSON.parse(process.argv[2] ?? '{}') as AppOrders;
const tell = (message: AppMessage): void => void process.send?.(message);
process.on('disconnect', () => process.exit());

try {
  await run();
} catch (error) {
  tell({ type: 'problem', text: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
  process.disconnect?.();
}

async function run(): Promise<void> {
  const app = await openApp(orders);
  const { lading } = app;
  const screen = showOn((items) => tell({ type: 'shown', items }), lading);
  const done = app.picked();
  for (const { path, kind, contentType } of orders.files) {
    if (done.has(path)) continue;
    const owner = reportFor(kind);
    const photo = await lading.capture(fileSource(path, { contentType }), {
      owner,
      kind,
      inTransaction: app.pick(path),
    });
    tell({ type: 'captured', path, mediaId: photo.id });
    screen.add(photo.id);
  }
  screen.now();
  tell({ type: 'ready' });

  await new Promise<void>((resolve) => {
    process.on('message', (command: AppCommand) => command.type === 'finish' && resolve());
  });
  const settled = await lading.settled();
  screen.stop();
  const verified = await lading.verify();
  const { files, usedBytes } = lading.storage();
  await lading.close();
  const report: FinalReport = {
    waiting: settled.waiting.length,
    verified: verified.ok,
    verifyReport: JSON.stringify(verified),
    storedFiles: files,
    storedBytes: usedBytes,
  };
  tell({ type: 'finished', report });
  process.disconnect?.();
}
