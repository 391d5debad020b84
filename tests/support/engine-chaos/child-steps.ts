import type { AppWrite, Lading } from '../../../index.ts';
import { bytesSource } from '../../../ports/source.ts';
import type { SqlDatabase } from '../../../ports/sql.ts';
import type { Bug } from './bugs.ts';
import { bytesOf, ownerName, type PlannedFile, type Step, sha256, type When } from './plan.ts';
import { type Points, say } from './points.ts';

export interface App {
  readonly lading: Lading;
  readonly database: SqlDatabase;
  readonly points: Points;
  readonly bug: Bug | null;
}

/** Steps at the same time: commits of one group carry several of them. */
const LANES = 3;

/** Takes every step that is not done, in the plan's order, each after the one that it is about. */
export async function takeSteps(
  app: App,
  plan: readonly Step[],
  done: ReadonlySet<number>,
): Promise<void> {
  const left = plan.filter(({ n }) => !done.has(n));
  const finished = new Map<number, Promise<void>>();
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let step = left[next++]; step !== undefined; step = left[next++]) {
      const before = step.verb === 'capture' ? undefined : finished.get(step.of);
      const taken = Promise.resolve(before).then(() => take(app, step));
      finished.set(step.n, taken);
      await taken;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function take(app: App, step: Step): Promise<void> {
  const { lading, points } = app;
  const { mediaId, owner, n } = step;
  if (step.verb !== 'capture') await reached(lading, mediaId, step.when);
  say({ type: 'begin', n });
  const hash = 'file' in step ? sha256(bytesOf(step.file)) : null;
  if (app.bug === 'acknowledges_early') acknowledge(step, hash);
  const inTransaction: AppWrite = (tx) => {
    tx.run('INSERT INTO app_step (n) VALUES (?)', n);
    points.hit('app.written');
  };
  const image = { kind: 'image', inTransaction } as const;
  switch (step.verb) {
    case 'capture': {
      const { draft } = step;
      await lading.capture(sourceOf(step.file), { ...image, owner, id: mediaId, draft });
      break;
    }
    case 'link':
      await lading.link(mediaId, owner, { inTransaction });
      break;
    case 'remove':
      await lading.remove(mediaId, owner, { inTransaction });
      break;
    case 'cancel':
      await lading.cancel(mediaId, { inTransaction });
      break;
    case 'replace':
      await lading.replace(mediaId, sourceOf(step.file), owner, { ...image, id: step.newId });
      break;
    case 'read':
      await dropped(app.database, mediaId);
      points.hit('read.resolved');
      acknowledge(step, await hashOf(await lading.resolve(mediaId)));
      app.database.run('INSERT INTO app_step (n) VALUES (?)', n);
      return;
  }
  points.hit(`${step.verb}.resolved`);
  if (app.bug !== 'acknowledges_early') acknowledge(step, hash);
}

function acknowledge(step: Step, hash: string | null): void {
  const mediaId = step.verb === 'replace' ? step.newId : step.mediaId;
  const { n, verb } = step;
  say({ type: 'ack', n, verb, mediaId, owner: ownerName(step.owner), sha256: hash });
}

function sourceOf(file: PlannedFile) {
  return bytesSource(bytesOf(file), { contentType: 'image/jpeg', filename: 'photo.jpg' });
}

async function hashOf(bytes: { open(): AsyncIterable<Uint8Array> }): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes.open()) chunks.push(chunk);
  return sha256(Buffer.concat(chunks));
}

/** Waits until the local bytes went, or came back: a read before that would need no download. */
async function dropped(database: SqlDatabase, mediaId: string): Promise<void> {
  const local = `SELECT facts ->> 'local' AS local FROM lading_media WHERE media_id = ?`;
  for (;;) {
    const now = database.get(local, mediaId)?.['local'];
    if (now !== 'present' && now !== 'evicting') return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Waits until the attachment is there, or past it. */
function reached(lading: Lading, mediaId: string, when: When): Promise<void> {
  if (when === 'now') return Promise.resolve();
  return new Promise((resolve) => {
    let stop: (() => void) | undefined;
    let over = false;
    stop = lading.watch(mediaId, ({ state, progress }) => {
      const sending = state === 'uploading' && (progress?.sentBytes ?? 0) > 0;
      const there = state === 'uploaded' || state === 'gone' || (when === 'uploading' && sending);
      if (!there) return;
      over = true;
      stop?.();
      resolve();
    });
    if (over) stop();
  });
}
