import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttachmentRef } from 'lading';
import type { ServerMessage, ServerOrders } from '../messages.ts';
import { bytes } from '../screen/format.ts';
import { readAppRows } from './app-rows.ts';
import { type App, appsOf, isOver } from './apps.ts';
import { type BadNetwork, killsOf, startBadNetwork } from './network.ts';
import { reservePort } from './port.ts';
import { proofOfChaos } from './proof.ts';
import { type Server, type StoryParts, trafficOf } from './story.ts';

const KILLS = 3;

/** The same files, app, server and judge as in the other story, on a network that breaks, with several kills. */
export async function runChaosStory(parts: StoryParts, seed: number): Promise<boolean> {
  const { chosen, workspace, children, screen } = parts;
  const { files, totalBytes } = chosen;
  const startedAt = performance.now();
  const port = await reservePort();
  const serverUrl = `http://127.0.0.1:${port}`;
  const appDirectory = join(workspace, 'app');
  const serverDirectory = join(workspace, 'server');
  await Promise.all([appDirectory, serverDirectory].map((path) => mkdir(path)));
  const database = join(appDirectory, 'app.sqlite');
  const apps = appsOf(children, screen, { directory: appDirectory, serverUrl, files, rough: true });

  screen.step(`No server is running. The app captures the files. (seed ${seed})`);
  let app: App = apps.start();
  await app.next('capturing the files', (message) => message.type === 'ready' || undefined);
  const offline = apps.shown();
  const rowsOffline = readAppRows(database);
  screen.done(
    `${files.length} files captured with no network: on disk, hashed, linked in the app's own table.`,
  );
  await screen.pause();

  screen.step('A tus server starts, behind a network in which everything goes wrong.');
  const upstreamPort = await reservePort();
  const orders: ServerOrders = {
    directory: serverDirectory,
    port: upstreamPort,
    bytesPerSecond: Math.max(14_000_000, totalBytes / 8),
    hold: null,
  };
  const server: Server = children.start('server', 'server/main.ts', orders);
  await server.next(
    'starting the server',
    (message: ServerMessage) => message.type === 'listening' || undefined,
  );
  const moments = killsOf(seed, KILLS).map((share) => share * totalBytes);
  let nextMoment = Promise.withResolvers<number>();
  const network = await startBadNetwork(seed, { port, upstreamPort }, (passedBytes) => {
    const [at] = moments;
    if (at === undefined || passedBytes < at) return;
    moments.shift();
    nextMoment.resolve(passedBytes);
  });
  try {
    let rowsAfterKill: readonly AttachmentRef[] = rowsOffline;
    for (let nth = 1; ; nth++) {
      const over = app.next('uploading', () => isOver(apps.shown(), files.length) || undefined);
      over.catch(() => {}); // its app may be killed
      const passed = await Promise.race([over, nextMoment.promise]);
      if (passed === true) break;
      nextMoment = Promise.withResolvers();
      await app.kill();
      rowsAfterKill = readAppRows(database);
      screen.killed(killedText(nth, passed, network));
      if (rowsAfterKill.length < rowsOffline.length) break; // the proof will say so
      app = apps.start();
      screen.step('The app starts again, as it always starts.');
    }
    const report = await apps.finish(app);
    const kills = KILLS - moments.length;
    screen.done(`All is uploaded. What the network did: ${network.whatItDid()}. ${kills} kills.`);
    const checks = await proofOfChaos({
      chosen,
      serverUrl,
      acknowledged: apps.acknowledged,
      offline,
      rowsOffline,
      rowsAfterKill,
      rows: readAppRows(database),
      appDirectory,
      report,
      traffic: await trafficOf(server, parts.breakage),
      kills,
      sentBytes: network.proxy.receivedBytes(),
      requests: network.proxy.exchanges.length,
      broken: network.broken() + kills,
    });
    screen.proof();
    for (const check of checks) screen.check(check);
    const holds = checks.every(({ ok }) => ok);
    screen.verdict(holds, performance.now() - startedAt);
    return holds;
  } finally {
    await network.proxy.close();
  }
}

function killedText(nth: number, passedBytes: number, network: BadNetwork): string {
  return `SIGKILL ${nth} of ${KILLS}: the app is dead. ${bytes(passedBytes)} have reached the server; so far ${network.whatItDid()}.`;
}
