import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  AppOrders,
  Breakage,
  ServerCommand,
  ServerMessage,
  ServerOrders,
  Traffic,
} from '../messages.ts';
import { bytes, exact } from '../screen/format.ts';
import type { Screen } from '../screen/screen.ts';
import { readAppRows } from './app-rows.ts';
import { appsOf, isOver } from './apps.ts';
import type { Child, Children } from './children.ts';
import type { ChosenFiles } from './files.ts';
import { reservePort } from './port.ts';
import { type Evidence, proofOf } from './proof.ts';

export type Server = Child<ServerMessage, ServerCommand>;

/** Where the app is killed: this share of the largest file is at the server. */
const KILL_AT = 0.4;

/** What a story is told with. */
export interface StoryParts {
  readonly chosen: ChosenFiles;
  readonly workspace: string;
  readonly children: Children;
  readonly screen: Screen;
  readonly breakage: Breakage | undefined;
}

/** Tells the story, with real processes, and says whether its proof holds. */
export async function runStory(parts: StoryParts): Promise<boolean> {
  const { chosen, workspace, children, screen } = parts;
  const { files, largest, totalBytes } = chosen;
  const startedAt = performance.now();
  const serverUrl = `http://127.0.0.1:${await reservePort()}`;
  const appDirectory = join(workspace, 'app');
  const serverDirectory = join(workspace, 'server');
  await Promise.all([appDirectory, serverDirectory].map((path) => mkdir(path)));
  const database = join(appDirectory, 'app.sqlite');

  const appOrders: AppOrders = { directory: appDirectory, serverUrl, files, rough: false };
  const apps = appsOf(children, screen, appOrders);

  screen.step('No server is running. The app captures the files.');
  const first = apps.start();
  await first.next('capturing the files', (message) => message.type === 'ready' || undefined);
  const offline = apps.shown();
  const rowsOffline = readAppRows(database);
  screen.done(
    `${files.length} files captured with no network: on disk, hashed, linked in the app's own table.`,
  );
  await screen.pause();

  const holdAt = Math.floor(largest.sizeBytes * KILL_AT);
  const serverOrders: ServerOrders = {
    directory: serverDirectory,
    port: Number(new URL(serverUrl).port),
    bytesPerSecond: Math.max(14_000_000, totalBytes / 8),
    hold: { sizeBytes: largest.sizeBytes, atByte: holdAt },
  };
  screen.step('A tus server starts. The app has to notice by itself.');
  const server: Server = children.start('server', 'server/main.ts', serverOrders);
  await server.next('starting the server', (message) => message.type === 'listening' || undefined);
  const heldId = await server.next(`uploading ${largest.name}`, (message) =>
    message.type === 'held' ? message.uploadId : undefined,
  );
  screen.done('A tus server came up; the app noticed, and uploads.');
  await screen.pause();
  await first.kill();
  server.send({ type: 'cut' });
  const rowsAfterKill = readAppRows(database);
  const resumeFrom = await stoodAt(`${serverUrl}/files/${encodeURIComponent(heldId)}`);
  screen.killed(
    `SIGKILL: the app is dead. ${bytes(resumeFrom)} of the ${bytes(largest.sizeBytes)} of ${largest.name} are at the server.`,
  );
  await screen.pause();

  screen.step('The app starts again, as it always starts.');
  const second = apps.start();
  await second.next('uploading the rest', () => isOver(apps.shown(), files.length) || undefined);
  const report = await apps.finish(second);
  screen.done(`The app went on at byte ${exact(resumeFrom)}, finished, and verified its log.`);

  const traffic = await trafficOf(server, parts.breakage);
  const evidence: Evidence = {
    chosen,
    serverUrl,
    acknowledged: apps.acknowledged,
    offline,
    rowsOffline,
    rowsAfterKill,
    rows: readAppRows(database),
    appDirectory,
    heldId,
    holdAt,
    resumeFrom,
    report,
    traffic,
  };
  screen.proof();
  const checks = await proofOf(evidence);
  for (const check of checks) screen.check(check);
  const holds = checks.every(({ ok }) => ok);
  screen.verdict(holds, performance.now() - startedAt);
  return holds;
}

/** What the server says it has of an upload, asked by the judge itself once the dead app's request has ended. */
async function stoodAt(url: string): Promise<number> {
  for (let before = -1; ; ) {
    const { headers } = await fetch(url, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } });
    const offset = Number(headers.get('Upload-Offset'));
    if (offset === before) return offset;
    before = offset;
    await sleep(50);
  }
}

export async function trafficOf(server: Server, breakage: Breakage | undefined): Promise<Traffic> {
  const answered = server.next('counting bytes', (message) =>
    message.type === 'traffic' ? message.traffic : undefined,
  );
  server.send(breakage === undefined ? { type: 'report' } : { type: 'break', what: breakage });
  return answered;
}
