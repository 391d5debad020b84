import { describe, expect, it } from 'vitest';
import type { Clock } from '../../ports/clock.ts';
import { ProcessKilled, simProcess } from '../../testing/world/process.ts';
import { seededRandom } from '../../testing/world/seeded-random.ts';
import { SimDisk } from '../../testing/world/sim-disk.ts';
import { diskPort } from '../../testing/world/sim-disk-port.ts';
import { simNetwork } from '../../testing/world/sim-network.ts';
import { loadSimSqlite } from '../../testing/world/sim-sqlite.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';

describe('simulated process', () => {
  it('passes everything through while it lives: results, errors, callbacks, iterations, open files', async () => {
    const process = simProcess('app');
    const disk = process.port(diskPort(newDisk()));
    const file = await disk.open('a', 'create');
    await file.append(Uint8Array.of(1, 2, 3));
    expect([...(await file.read(1, 5))]).toEqual([2, 3]);
    await expect(disk.open('a', 'create')).rejects.toMatchObject({ code: 'EEXIST' });
    const port = process.port(counter());
    const seen: number[] = [];
    for await (const value of port.values()) seen.push(value);
    expect(seen).toEqual([1, 2, 3]);
    const cancel = port.subscribe((value) => seen.push(value));
    port.tell(4);
    cancel();
    port.tell(5);
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(port.now()).toBe(7);
  });

  it('wraps a frozen port', () => {
    expect(
      simProcess('app')
        .port(Object.freeze({ one: () => 1 }))
        .one(),
    ).toBe(1);
  });

  it('never continues after an await once it was killed', async () => {
    const sim = newDisk();
    const process = simProcess('app');
    const disk = process.port(diskPort(sim));
    const reached: string[] = [];
    const write = async (): Promise<void> => {
      const file = await disk.open('a', 'create');
      reached.push('opened');
      await file.append(Uint8Array.of(1));
      reached.push('appended');
      await file.sync();
      reached.push('synced');
    };
    void write();
    while (reached.length < 2) await Promise.resolve();
    process.kill();
    await virtualClock().settle();
    expect(reached).toEqual(['opened', 'appended']);
    expect(process.isAlive).toBe(false);
  });

  it('lets neither timers nor callbacks nor iterations of a dead process go on', async () => {
    const clock = virtualClock();
    const process = simProcess('app');
    const mine = process.clock(clock);
    const source = counter();
    const port = process.port(source);
    const happened: unknown[] = [];
    mine.schedule(10, () => happened.push('timer'));
    port.subscribe((value) => happened.push(value));
    const iterate = async (): Promise<void> => {
      for await (const value of port.values()) {
        happened.push(`value ${value}`);
        process.kill();
      }
      happened.push('end');
    };
    void iterate();
    await clock.settle();
    source.tell(9);
    await clock.advanceBy(100);
    mine.schedule(1, () => happened.push('late timer'));
    await clock.advanceBy(100);
    expect(happened).toEqual(['value 1']);
    expect(mine.now()).toBe(clock.now() - 200);
  });

  it('answers a dead process as it used to: with a promise that never settles, or by throwing', async () => {
    const source = counter();
    const process = simProcess('app');
    const port = process.port(source);
    port.now();
    await port.later();
    for await (const value of port.values()) if (value > 0) break;
    process.kill();
    expect(() => port.now()).toThrow(ProcessKilled);
    const settled: string[] = [];
    const wait = async (): Promise<void> => {
      await port.later();
      settled.push('later');
    };
    const iterate = async (): Promise<void> => {
      for await (const value of port.values()) settled.push(`value ${value}`);
    };
    void wait();
    void iterate();
    await virtualClock().settle();
    expect(settled).toEqual([]);
    expect(source.calls).toBe(2);
  });

  it('keeps a promise that an oracle listens to from telling of a dead process', async () => {
    const process = simProcess('app');
    const heard: string[] = [];
    const listen = async (): Promise<void> => {
      heard.push(await process.guard(Promise.resolve('acknowledged')));
    };
    void listen();
    process.kill();
    await virtualClock().settle();
    expect(heard).toEqual([]);
  });

  it('sends no request of a dead process, and tells it no answer', async () => {
    const clock = virtualClock();
    const network = simNetwork({ clock, random: seededRandom(1) });
    const process = simProcess('app');
    const link = process.port(network.link('phone'));
    const served: string[] = [];
    const ask = async (name: string): Promise<void> => {
      const serve = (body: string): string => body;
      served.push(await link.request({ host: 'remote', label: name, body: name, serve }));
    };
    void ask('before');
    process.kill();
    void ask('after');
    await clock.advanceBy(10_000);
    expect(served).toEqual([]);
    expect(network.trace.map(({ label, what }) => `${label} ${what}`)).toEqual([
      'before sent',
      'before landed',
      'before answered',
    ]);
  });

  it('abandons its database, also when the power went in the middle of a commit', async () => {
    const sqlite = await loadSimSqlite();
    const disk = newDisk();
    const first = simProcess('first');
    const sql = first.database(sqlite.open(disk));
    sql.exec('CREATE TABLE t (n INTEGER) STRICT');
    sql.run('INSERT INTO t VALUES (1)');
    disk.cutAtSync(1, () => first.kill());
    expect(() => sql.run('INSERT INTO t VALUES (2)')).toThrow(
      expect.objectContaining({ code: 'database_io_failed' }),
    );
    expect(first.isAlive).toBe(false);
    const second = simProcess('second');
    const reopened = second.database(sqlite.open(disk.powerCut()));
    const rows = reopened.all('SELECT n FROM t ORDER BY n').map(({ n }) => n);
    expect([[1], [1, 2]]).toContainEqual(rows);
    second.kill();
  });

  it('runs what waits for its death once, and at once when it is dead already', () => {
    const process = simProcess('app');
    const deaths: string[] = [];
    process.onKill(() => deaths.push('first'));
    process.kill();
    process.kill();
    process.onKill(() => deaths.push('late'));
    expect(deaths).toEqual(['first', 'late']);
  });
});

function newDisk(): SimDisk {
  return new SimDisk({ random: seededRandom(1) });
}

interface Counter extends Pick<Clock, 'now'> {
  calls: number;
  later(): Promise<void>;
  values(): AsyncIterable<number>;
  subscribe(listener: (value: number) => void): () => void;
  tell(value: number): void;
}

function counter(): Counter {
  const listeners = new Set<(value: number) => void>();
  return {
    calls: 0,
    now() {
      this.calls += 1;
      return 7;
    },
    async later() {
      this.calls += 1;
    },
    async *values() {
      yield* [1, 2, 3];
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tell(value) {
      for (const listener of listeners) listener(value);
    },
  };
}
