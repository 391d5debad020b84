import { type Lading, LadingError } from 'lading';
import { nodeSqlite } from 'lading/sqlite/node';
import { createReferenceBackend } from 'lading/sync';
import { virtualClock } from 'lading/testing';
import { failingDatabase, SQLITE } from '../../tests/support/failing-database.ts';
import { image, ME, owner, picture } from '../../tests/support/lading-world.ts';
import { signedIn } from '../../tests/support/signed-in.ts';

/** When the database fails: from the n-th time on that it is asked, so often, with this. */
export interface Failure {
  readonly from: number;
  readonly times: number;
  readonly error: keyof typeof SQLITE;
}

/** What became of a day. */
export interface Day {
  /** How often the database was asked. */
  readonly asked: number;
  readonly complaints: readonly string[];
}

/**
 * One day of a device, with all that an engine does by itself: it opens, captures, uploads, is refused and gets new
 * credentials, syncs, removes and undoes, evicts, fetches again, collects garbage, loses its network, signs out.
 * Whatever fails in between, its verbs say so with a code, nothing goes unheard, and at last all is well.
 */
export async function day(failure: Failure): Promise<Day> {
  const complaints: string[] = [];
  const hear = (error: unknown): void => {
    complaints.push(`unheard: ${error instanceof Error ? String(error.stack) : String(error)}`);
  };
  process.on('unhandledRejection', hear).on('uncaughtException', hear);
  try {
    const asked = await live(failure, complaints);
    await new Promise((resolve) => void setImmediate(resolve));
    return { asked, complaints };
  } finally {
    process.off('unhandledRejection', hear).off('uncaughtException', hear);
  }
}

async function live({ from, times, error }: Failure, complaints: string[]): Promise<number> {
  const app = signedIn();
  const { phone } = app;
  const backend = createReferenceBackend({ clock: virtualClock() });
  const sql = nodeSqlite(phone.handle);
  let asked = 0;
  let isMended = false;
  const failing = failingDatabase(sql, () => {
    asked += 1;
    return !isMended && asked >= from && asked < from + times ? SQLITE[error]() : undefined;
  });
  const store = {
    ...failing,
    get inTransaction() {
      return sql.inTransaction;
    },
    close() {},
  };
  const open = (): Promise<Lading> =>
    app.open({
      store,
      backend: backend.client(ME),
      cache: { maxBytes: 150_000 },
      storageEstimate: { estimate: async () => ({ freeBytes: 10 ** 9 }) },
    });

  /** Verbs that wait for the database to be well; they are waited for when it is. */
  const waiting = new Set<string>();
  /** A verb; what it refuses has a code, or is a bug. */
  async function ask<T>(what: string, verb: () => Promise<T>): Promise<T | undefined> {
    let isOver = false;
    waiting.add(what);
    const answer = answered(what, verb).finally(() => {
      isOver = true;
      waiting.delete(what);
    });
    const until = phone.clock.elapsedMs + 60_000;
    await answered(`${what}, meanwhile`, () =>
      phone.clock.runUntil(() => isOver || phone.clock.elapsedMs > until),
    );
    return isOver ? answer : undefined;
  }
  async function answered<T>(what: string, verb: () => Promise<T>): Promise<T | undefined> {
    try {
      return await verb();
    } catch (thrown) {
      if (!(thrown instanceof LadingError)) complaints.push(`${what}: ${String(thrown)}`);
      return undefined;
    }
  }
  /** Time passes; a throw in here came out of a timer. */
  async function pass(ms: number): Promise<void> {
    try {
      await phone.pass(ms);
    } catch (thrown) {
      complaints.push(`out of a timer: ${String((thrown as Error).stack)}`);
    }
  }
  async function opened(): Promise<Lading> {
    for (let tries = 0; tries < 20; tries++) {
      const lading = await answered('open', open);
      if (lading !== undefined) return lading;
      await pass(5_000);
      if (tries === 10) isMended = true;
    }
    throw new Error('it does not open');
  }

  const lading = await opened();
  const kept = new Set<string>();
  async function capture(text: string, more = {}): Promise<string> {
    const id = lading.newMediaId();
    const done = await ask(`capture ${text}`, () =>
      lading.capture(picture(text, 60_000), image('item.images', { id, ...more })),
    );
    if (done !== undefined) kept.add(id);
    return id;
  }
  const outdated = watchAll(lading);
  const first = await capture('first');
  const draft = await capture('draft', { draft: true });
  await ask('link', () => lading.link(draft, owner()));
  await pass(3_000);
  app.valid = 'second';
  const third = await capture('third');
  await capture('fourth');
  await pass(70_000); // one look finds out that they are still refused
  await ask('credentials', () => lading.credentials('second'));
  await pass(10_000);
  phone.net.set({ online: false });
  const gone = await capture('gone');
  const token = await ask('remove', () => lading.remove(gone, owner()));
  const undone = token && (await ask('undo', async () => [await lading.undo(token)]));
  if (token !== undefined && undone === undefined) kept.delete(gone);
  await pass(5_000);
  phone.net.set({ online: true, metered: true });
  await pass(5_000);
  phone.net.set({ metered: false });
  await ask('remove', () => lading.remove(third, owner()));
  kept.delete(third); // or it stays, if that was refused
  await pass(40_000);
  await ask('free room', () => lading.freeRoom(100_000));
  await ask('resolve', () => lading.resolve(first));
  await ask('collect garbage', () => lading.collectGarbage());
  await ask('retry sync', () => lading.retrySync());
  backend.push(ME, []);
  await pass(120_000);

  isMended = true;
  await pass(90_000);
  // What was refused is asked for once more.
  await ask('link', () => lading.link(draft, owner()));
  await ask('credentials', () => lading.credentials('second'));
  await ask('retry sync', () => lading.retrySync());
  await pass(120_000);
  for (const id of kept) {
    const { state } = lading.view(id);
    if (state !== 'uploaded')
      complaints.push(`one of them is ${state}: ${JSON.stringify(lading.view(id))}`);
  }
  complaints.push(...outdated(), ...[...waiting].map((what) => `${what} is still not over`));
  const found = await ask('verify', () => lading.verify());
  if (found?.differences.length !== 0) complaints.push(`verify: ${JSON.stringify(found)}`);
  await ask('sign out', () => lading.signOut());
  await pass(60_000);
  return asked;
}

/** What screens were told last, beside what they would be told now. */
function watchAll(lading: Lading): () => readonly string[] {
  const last: Record<string, unknown> = {};
  const watch = (name: string, begin: (tell: (shown: unknown) => void) => unknown): void => {
    try {
      begin((shown) => {
        last[name] = shown;
      });
    } catch (error) {
      if (!(error instanceof LadingError)) throw error;
    }
  };
  const watchers = {
    list: (tell: (shown: unknown) => void) => lading.watch(owner(), tell),
    sync: (tell: (shown: unknown) => void) => lading.watch('sync', tell),
    storage: (tell: (shown: unknown) => void) => lading.watch('storage', tell),
  };
  for (const [name, begin] of Object.entries(watchers)) watch(name, begin);
  return () => {
    const before = { ...last };
    for (const [name, begin] of Object.entries(watchers)) watch(`${name} now`, begin);
    return Object.keys(before)
      .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(last[`${name} now`]))
      .map((name) => `a screen shows an old ${name}: ${JSON.stringify(before[name])}`);
  };
}
