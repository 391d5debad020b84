import type { BlobStore } from 'lading';
import { nodeSqlite, openSqliteEventStore } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { accountRows } from '../../persistence/attachment/account-rows.ts';
import {
  codeOf,
  gate,
  image,
  ME,
  owner,
  picture,
  type World,
  world,
} from '../support/lading-world.ts';

const OTHER = 'account-2';
const evenUnsent = { evenUnsent: true } as const;

describe('contract 10.7: forget(account) while another process works for the account', () => {
  it('never lets a capture resolve whose bytes the other process took away', async () => {
    const phone = world({ online: false });
    const held = gate();
    const written = gate();
    const mine = await phone.open({
      blobs: {
        ...phone.blobs,
        write: async (...args) => {
          const result = await phone.blobs.write(...args);
          written.open();
          await held.promise;
          return result;
        },
      },
    });
    const other = await phone.open({ account: OTHER });
    const capture = codeOf(phone.until(mine.capture(picture(), image())));
    await written.promise;
    await phone.until(other.forget(ME, evenUnsent));
    held.open();
    expect(await capture).toBe('account_forgotten');
    expect(tracesOf(phone)).toEqual([]);
    // Nor a later one, nor another verb that would make a stream; a new opening begins anew.
    expect(await codeOf(phone.until(mine.capture(picture(), image())))).toBe('account_forgotten');
    const row = { owner: owner(), value: [{ url: 'https://x.example/a.jpg', kind: 'image' }] };
    const imported = await phone.until(mine.importRefs([row])).catch((error: unknown) => error);
    expect(JSON.stringify(imported)).toContain('account_forgotten');
    expect(tracesOf(phone)).toEqual([]);
    const anew = await phone.open();
    const photo = await phone.until(anew.capture(picture(), image()));
    expect((await phone.until(anew.resolve(photo.id))).byteSize).toBeGreaterThan(0);
    expect(await codeOf(phone.until(mine.capture(picture(), image())))).toBe('account_forgotten');
  });

  it('refuses a capture whose commit comes in the middle of it', async () => {
    const phone = world({ online: false });
    const mine = await phone.open();
    await phone.until(mine.capture(picture('old'), image()));
    const { blobs, held, reached } = heldRemovals(phone);
    const other = await phone.open({ account: OTHER, blobs });
    const forgetting = phone.until(other.forget(ME, evenUnsent));
    await reached;
    expect(await codeOf(phone.until(mine.capture(picture('new'), image())))).toBe(
      'account_forgotten',
    );
    held.open();
    expect(await forgetting).toMatchObject({ scrubbed: true });
    expect(tracesOf(phone)).toEqual([]);
  });

  it('leaves no derived file that another process makes in the middle of it', async () => {
    const phone = world();
    const mine = await phone.open();
    const photo = await phone.until(mine.capture(picture(), image()));
    await phone.until(mine.settled());
    const held = gate();
    const making = async (): Promise<Uint8Array> => {
      await held.promise;
      return new Uint8Array(10);
    };
    const asked = codeOf(mine.derive(photo.id, 'thumb', making));
    await phone.pass(100);
    const other = await phone.open({ account: OTHER });
    const real = { ...phone.blobs };
    phone.blobs.remove = async (key) => {
      held.open(); // the files were listed already
      if (!key.includes('/d-')) await asked;
      return real.remove(key);
    };
    await phone.until(other.forget(ME, evenUnsent));
    expect(await asked).toBe('already_gone');
    expect(phone.blobs.keys).toEqual([]);
    expect(phone.rows('SELECT * FROM lading_derived')).toEqual([]);
  });

  it('takes nothing of what was captured after a new opening had ended the forgetting', async () => {
    const phone = world({ online: false });
    const mine = await phone.open();
    await phone.until(mine.capture(picture('old'), image()));
    await phone.until(mine.close());
    const { blobs, held, reached } = heldRemovals(phone);
    const other = await phone.open({ account: OTHER, blobs });
    const forgetting = phone.until(other.forget(ME, evenUnsent));
    await reached;
    const anew = await phone.open(); // ends what the other one began, and is the same account from now on
    const photo = await phone.until(anew.capture(picture('new'), image()));
    held.open();
    await forgetting;
    expect(anew.list(owner()).map(({ ref }) => ref.mediaId)).toEqual([photo.id]);
    expect((await phone.until(anew.resolve(photo.id))).byteSize).toBeGreaterThan(0);
    const later = await phone.until(anew.capture(picture('later'), image()));
    expect(later.view.state).toBe('local_only');
    expect(await phone.until(anew.verify())).toMatchObject({ ok: true });
  });

  it('lets nobody begin while it deletes, who looked before it was begun', async () => {
    const phone = world({ online: false });
    const { blobs, held, reached } = heldRemovals(phone);
    const other = await phone.open({ account: OTHER, blobs });
    const first = await phone.open();
    await phone.until(first.capture(picture(), image()));
    const tables = accountRows(nodeSqlite(phone.handle));
    const store = openSqliteEventStore(nodeSqlite(phone.handle), phone.clock);
    const forgetting = phone.until(other.forget(ME, evenUnsent));
    await reached;
    await phone.until(store.transact((tx) => tables.begin(tx, ME, 'too early')));
    expect(tracesOf(phone).filter((row) => row.includes('too early'))).toEqual([]);
    held.open();
    await forgetting;
    await phone.until(store.transact((tx) => tables.begin(tx, ME, 'in time')));
    expect(tracesOf(phone)).toHaveLength(1);
  });

  it('asks for unsent work and sets its mark in one commit: a capture between the two is not lost', async () => {
    const phone = world({ online: false });
    const mine = await phone.open();
    const other = await phone.open({ account: OTHER });
    const [captured, forgotten] = await phone.until(
      Promise.all([codeOf(mine.capture(picture(), image())), codeOf(other.forget(ME))]),
    );
    // Whichever comes first: one of them is refused.
    expect([captured, forgotten].filter((code) => code !== 'no error')).toHaveLength(1);
    expect(mine.list(owner()).length === 1).toBe(captured === 'no error');
  });
});

/** A store of the same bytes in which the first removal waits, and which then finds what is there by now. */
function heldRemovals(phone: World): {
  readonly blobs: BlobStore;
  readonly held: ReturnType<typeof gate>;
  readonly reached: Promise<void>;
} {
  const held = gate();
  const reached = gate();
  const blobs: BlobStore = {
    ...phone.blobs,
    async *list() {
      yield* phone.blobs.list();
      yield* phone.blobs.list();
    },
    async remove(key) {
      reached.open();
      await held.promise;
      await phone.blobs.remove(key);
    },
  };
  return { blobs, held, reached: reached.promise };
}

/** What is left of the account. */
function tracesOf(phone: World): readonly string[] {
  const tables = phone.rows("SELECT name FROM sqlite_master WHERE type = 'table'");
  const rows = tables.flatMap(({ name }) => phone.rows(`SELECT * FROM ${String(name)}`));
  const found = rows.map((row) => JSON.stringify(row)).filter((text) => text.includes(ME));
  return [...found, ...phone.blobs.keys.filter((key) => key.includes(ME))];
}
