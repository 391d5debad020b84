import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { verifyStreams } from 'lading/host';
import { nodeSqlite, openSqliteEventStore } from 'lading/sqlite/node';
import { describe, expect, it } from 'vitest';
import { compactionTable } from '../../persistence/log/compaction-table.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { AT_ONCE, compactable, compactorOf } from '../support/compact-world.ts';
import { type Device, device, type Host, stream } from '../support/host-world.ts';
import { inFolder } from '../support/store-world.ts';

const a = stream('a');
const machine = compactable();

async function noted(phone: Device): Promise<Host> {
  const host = await phone.open([machine]);
  await phone.until(host.create(a, 'courier', {}));
  await phone.until(host.send(a, { type: 'note' }));
  return host;
}

async function differences(phone: Device) {
  return (await phone.until(verifyStreams(phone.store, [machine]))).differences;
}

describe('a compaction that meets a step of the same stream', () => {
  it.each(['before', 'behind'])(
    'loses nothing when the step is %s it in one commit',
    async (place) => {
      const phone = device();
      const host = await noted(phone);
      const compactor = compactorOf(phone, machine);
      const compact = () => compactor.compact({ now: phone.clock.now(), ...AT_ONCE });
      const note = () => host.send(a, { type: 'note' });
      const both = place === 'before' ? [note(), compact()] : [compact(), note()];
      await phone.until(Promise.all(both));
      expect(host.state(a)).toMatchObject({ version: 3, context: { notes: 2 } });
      expect(await differences(phone)).toEqual([]);
      await phone.until(host.send(a, { type: 'note' }));
      expect(host.state(a)).toMatchObject({ version: 4, context: { notes: 3 } });
      expect(await differences(phone)).toEqual([]);
    },
  );

  it('finds it young again when the step came between its look and its commit', async () => {
    const phone = device();
    const host = await noted(phone);
    await phone.clock.advanceBy(60_000);
    const events: Pick<EventStore, 'read' | 'transact'> = {
      read: (query) => phone.store.read(query),
      async transact(decide) {
        await host.send(a, { type: 'note' });
        return phone.store.transact(decide);
      },
    };
    const compactor = compactorOf(phone, machine, { events });
    const ages = { checkpointAfterMs: 60_000, tombstoneAfterMs: 60_000 };
    const report = await phone.until(compactor.compact({ now: phone.clock.now(), ...ages }));
    expect(report).toEqual({ streams: 0, events: 0, more: false });
    expect(host.history(a)).toHaveLength(3);
  });

  it('writes nothing when the stream is no longer at the version that it decided on', async () => {
    const phone = device();
    const host = await noted(phone);
    const before = phone.rows('SELECT * FROM lading_event, lading_stream');
    const stale = compactorOf(phone, machine, {
      table: {
        ...compactionTable,
        replace: (tx, id, version, event) => compactionTable.replace(tx, id, version - 1, event),
      },
    });
    const report = await phone.until(stale.compact({ now: phone.clock.now(), ...AT_ONCE }));
    expect(report.streams).toBe(0);
    expect(phone.rows('SELECT * FROM lading_event, lading_stream')).toEqual(before);
    expect(phone.logged.filter(({ level }) => level === 'error')).toEqual([]);
    expect(host.state(a)?.context['notes']).toBe(1);
  });

  it('is nobody’s trouble when two processes compact and step at once', () =>
    inFolder(async (folder) => {
      const clock = virtualClock();
      const sides = [0, 1].map(() => device(join(folder, 'shared.db'), { clock }));
      const [one, other] = sides as [Device, Device];
      const hosts = [await one.open([machine]), await other.open([machine])];
      await one.until(hosts[0]?.create(a, 'courier', {}) ?? Promise.reject(new Error('no host')));
      const compactors = sides.map((phone) => compactorOf(phone, machine));
      for (let round = 0; round < 30; round++) {
        await one.until(
          Promise.all([
            ...compactors.map((compactor) => compactor.compact({ now: clock.now(), ...AT_ONCE })),
            ...hosts.map((host) => host.send(a, { type: 'note' })),
          ]),
        );
      }
      for (const host of hosts) {
        expect(host.state(a)).toMatchObject({ version: 61, context: { notes: 60 } });
      }
      expect(await differences(one)).toEqual([]);
      expect(one.logged.filter(({ level }) => level === 'error')).toEqual([]);
      for (const [index, phone] of sides.entries()) {
        await phone.until(hosts[index]?.close() ?? Promise.resolve());
        await phone.until(phone.store.close());
      }
    }));
});

describe('a power cut in a compaction', () => {
  it('leaves all of the old log or all of the new one, after every statement of it', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'app.db');
      const phone = device(file);
      const host = await noted(phone);
      for (const id of ['b', 'c'].map(stream)) {
        await phone.until(host.create(id, 'courier', {}));
        await phone.until(host.send(id, { type: 'finish' }));
      }
      await phone.until(host.close());

      const cuts: string[] = [];
      const cut = (): void => {
        const to = join(folder, `cut-${cuts.length}`);
        mkdirSync(to);
        for (const suffix of ['', '-wal']) {
          if (existsSync(`${file}${suffix}`))
            copyFileSync(`${file}${suffix}`, join(to, `app.db${suffix}`));
        }
        cuts.push(join(to, 'app.db'));
      };
      const raw = nodeSqlite(phone.handle);
      const watched: SqlDatabase = {
        ...raw,
        get inTransaction() {
          return raw.inTransaction;
        },
        run(sql, ...params) {
          const changed = raw.run(sql, ...params);
          cut();
          return changed;
        },
      };
      const events = openSqliteEventStore(watched, phone.clock);
      const compactor = compactorOf(phone, machine, { events });
      const report = await phone.until(compactor.compact({ now: phone.clock.now(), ...AT_ONCE }));
      cut();
      expect(report.streams).toBe(3);
      expect(cuts.length).toBeGreaterThan(12);

      const counts = new Set<number>();
      for (const at of cuts) {
        const after = device(at);
        counts.add(after.rows('SELECT 1 FROM lading_event').length);
        expect(await differences(after)).toEqual([]);
        const again = await after.open([machine]);
        expect(again.state(a)).toMatchObject({ version: 2, context: { notes: 1 } });
        await after.until(again.close());
        await after.until(after.store.close());
      }
      expect([...counts]).toEqual([6, 3]);
    }));
});

describe('a stream that begins a new life', () => {
  it('is one that is done: its versions go on, and nothing else of the old life does', async () => {
    const phone = device();
    const host = await noted(phone);
    const reopen = (id = a) => host.transact((work) => work.reopen(id, { tries: 5 }));
    await expect(phone.until(reopen())).rejects.toMatchObject({ code: 'stream_exists' });
    await expect(phone.until(reopen(stream('b')))).rejects.toMatchObject({ code: 'not_found' });
    await phone.until(host.send(a, { type: 'finish' }));
    const told: unknown[] = [];
    host.subscribe((changes) => void told.push(...changes.map(({ before }) => before)));
    await phone.until(reopen());
    expect(host.state(a)).toMatchObject({
      version: 4,
      status: 'active',
      value: 'idle',
      context: { tries: 5, notes: 0 },
    });
    expect(told).toEqual([null]);
    expect(host.history(a).map(({ type }) => type)).toEqual([
      'courier.created',
      'note',
      'finish',
      'courier.created',
    ]);
    expect(await differences(phone)).toEqual([]);
  });

  it('goes on from a tombstone too, and ends and is compacted again', async () => {
    const phone = device();
    const host = await noted(phone);
    const compactor = compactorOf(phone, machine);
    const compact = () => phone.until(compactor.compact({ now: phone.clock.now(), ...AT_ONCE }));
    for (let life = 1; life <= 3; life++) {
      await phone.until(host.send(a, { type: 'finish' }));
      expect((await compact()).streams).toBe(1);
      expect(host.history(a)).toHaveLength(1);
      await phone.until(host.transact((work) => work.reopen(a, {})));
      expect(await differences(phone)).toEqual([]);
      expect(host.state(a)).toMatchObject({ version: 2 + 2 * life, context: { notes: 0 } });
    }
    expect((await compact()).streams).toBe(1);
    expect(host.history(a)).toMatchObject([
      { type: 'log.checkpoint', payload: { replaced: { events: 8 } } },
    ]);
    const again = await device().open([machine]);
    expect(again.state(a)).toBeUndefined();
  });

  it('survives a restart at every version, with and without its snapshot', async () => {
    const phone = device();
    const host = await noted(phone);
    await phone.until(host.send(a, { type: 'finish' }));
    await phone.until(host.transact((work) => work.reopen(a, {})));
    await phone.until(host.send(a, { type: 'note' }));
    const state = host.state(a);
    await phone.until(host.close());
    for (const harm of ['SELECT 1', 'DELETE FROM lading_snapshot']) {
      phone.handle.exec(harm);
      const again = await phone.open([machine]);
      expect(again.state(a)).toEqual(state);
      await phone.until(again.close());
    }
  });
});
