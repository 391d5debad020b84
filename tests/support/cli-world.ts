import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import type { Fault, Lading, Owner } from 'lading';
import { image, owner, picture, type World, world } from './lading-world.ts';

const entry = fileURLToPath(new URL('../../bin/lading.ts', import.meta.url));

/** What a run of the command printed, and its exit code. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real command as a child process: no terminal, times in UTC. */
export function lading(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const { NO_COLOR: _no, FORCE_COLOR: _force, ...inherited } = process.env;
  const options = { env: { ...inherited, TZ: 'UTC', ...env }, timeout: 60_000 };
  return new Promise((resolve) => {
    execFile(process.execPath, [entry, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? -1);
      resolve({ code, stdout, stderr });
    });
  });
}

/** A JSON document that the command printed. */
export async function document<T = Readonly<Record<string, unknown>>>(
  ...args: readonly string[]
): Promise<T> {
  const { stdout, stderr } = await lading([...args, '--json']);
  if (stderr !== '') throw new Error(stderr);
  return JSON.parse(stdout) as T;
}

/** A phone with attachments in many states, and its database as a file. */
export interface SickPhone {
  readonly file: string;
  /** Milliseconds since 1970 at which the file was copied, and as `--at` takes it. */
  readonly at: number;
  readonly now: string;
  readonly ids: Readonly<Record<SickId, string>>;
}

type SickId = 'uploaded' | 'tooLarge' | 'busy' | 'draft' | 'removed' | 'paused' | 'signedOut';

export const CANARY = 'IMG_7Zq3';

const tooLarge: Fault = {
  ok: false,
  class: 'terminal',
  code: 'too_large',
  message: 'The server answered 413 to the bytes of an upload.',
};
const busy: Fault = {
  ok: false,
  class: 'retryable',
  code: 'server_error',
  message: `The server answered 503, see https://files.example/e?token=${CANARY}.`,
  retryAfterMs: 90_000,
};
const refused: Fault = {
  ok: false,
  class: 'auth',
  code: 'unauthorized',
  message: 'The server answered 401 to the creation of an upload.',
};

/** Lives a morning on virtual time: one upload arrives, others do not; then the file is copied off the phone. */
export async function sickPhone(folder: string): Promise<SickPhone> {
  const faults = new Map<string, Fault>();
  const lastBegun = Promise.withResolvers<void>();
  const phone = world({
    seed: 'sick phone',
    script: ({ objectKey }) => {
      const fault = [...faults].find(([id]) => objectKey.endsWith(id))?.[1];
      if (fault === undefined) return undefined;
      // What is refused holds back all that would begin after it: it is told when the others have begun.
      return fault === refused ? { after: lastBegun.promise, fault } : { fault };
    },
  });
  const app = await phone.open();
  const take = async (field: string, entity: string, text: string): Promise<string> => {
    const of: Owner = owner(field, entity);
    const filename = `${CANARY} ${text}.jpg`;
    const id = app.newMediaId();
    const fault = { large: tooLarge, busy, refused }[text];
    if (fault !== undefined) faults.set(id, fault);
    await phone.until(
      app.capture(picture(text, text === 'large' ? 3_400_000 : 900), {
        ...image(field, { id, filename }),
        owner: of,
      }),
    );
    await phone.pass(1_000);
    return id;
  };
  const uploaded = await take('item.images', 'item-1', 'good');
  const large = await take('item.images', 'item-1', 'large');
  await phone.pass(60_000);
  const signedOut = await take('item.images', 'item-2', 'refused');
  const paused = await holdOne(phone, app, () => take('item.images', 'item-2', 'held'));
  const draft = await phone.until(
    app.capture(picture('form'), image('item.pair', { draft: true })),
  );
  const removed = await take('item.images', 'item-3', 'unwanted');
  await phone.until(app.remove(removed, owner('item.images', 'item-3')));
  const busyId = await take('profile.logo', 'me', 'busy');
  lastBegun.resolve();
  await phone.pass(5_000);
  const file = join(folder, 'app.sqlite');
  copyTo(phone, file);
  const at = phone.clock.now();
  phone.kill();
  return {
    file,
    at,
    now: new Date(at).toISOString(),
    ids: { uploaded, tooLarge: large, signedOut, paused, draft: draft.id, removed, busy: busyId },
  };
}

async function holdOne(phone: World, app: Lading, take: () => Promise<string>): Promise<string> {
  phone.net.set({ online: false });
  const id = await take();
  await phone.until(app.pause(id));
  phone.net.set({ online: true });
  await phone.pass(1_000);
  return id;
}

/** The database in memory as a file that an app closed: in WAL mode, without a log beside it. */
function copyTo(phone: World, file: string): void {
  phone.handle.prepare('VACUUM INTO ?').run(file);
  const handle = new DatabaseSync(file);
  handle.exec('PRAGMA journal_mode = WAL');
  handle.close();
}
