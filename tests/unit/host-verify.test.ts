import { type HostedMachine, verifyStreams } from 'lading/host';
import { describe, expect, it } from 'vitest';
import { courier, device, hosted, manual, stream } from '../support/host-world.ts';

/** Streams in all situations: idle, carrying, waiting for a timer, resting with an action that nobody does, done. */
async function lived() {
  const phone = device();
  const carry = manual({ concurrency: 20 });
  const projected: HostedMachine = hosted('courier', courier, {
    services: { carry },
    project: (tx, { stream: id, after }) =>
      void tx.sql.run('INSERT OR REPLACE INTO app VALUES (?, ?)', id, JSON.stringify(after.value)),
    compare: (tx, id, after) => {
      const row = tx.sql.get('SELECT value FROM app WHERE id = ?', id);
      return row?.['value'] === JSON.stringify(after.value)
        ? []
        : [`the app's row says ${String(row?.['value'])}`];
    },
    rebuild: (tx, id, after) =>
      void tx.sql.run('INSERT OR REPLACE INTO app VALUES (?, ?)', id, JSON.stringify(after.value)),
  });
  phone.handle.exec('CREATE TABLE app (id TEXT PRIMARY KEY, value TEXT)');
  const host = await phone.open([projected]);
  const ids = ['idle', 'carrying', 'waiting', 'resting', 'done'].map(stream);
  await phone.until(Promise.all(ids.map((id) => host.create(id, 'courier', {}))));
  for (const id of ids.slice(1)) await phone.until(host.send(id, { type: 'go' }));
  for (const { run, resolve } of carry.calls) {
    if (run.stream !== 'carrying') resolve({ ok: run.stream !== 'waiting', id: 'x' });
  }
  await phone.quiet();
  await phone.until(host.send(stream('done'), { type: 'finish' }));
  const check = async (repair = false) =>
    (await phone.until(verifyStreams(phone.store, [projected], { repair }))).differences;
  return { phone, host, check, projected };
}

describe('verify (contract 9.2)', () => {
  it('finds nothing to say of a sound log, also while its services run', async () => {
    const { host, phone, check } = await lived();
    expect(await check()).toEqual([]);
    await phone.until(host.close());
    expect(await check()).toEqual([]);
    // Caches that are not there, or of another version of the machine, are no difference.
    phone.handle.exec("UPDATE lading_snapshot SET format = '0' WHERE stream = 'idle'");
    expect(await check()).toEqual([]);
    phone.handle.exec('DELETE FROM lading_snapshot');
    expect(await check()).toEqual([]);
  });

  const harms: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'a snapshot that lies',
      `UPDATE lading_snapshot SET body = replace(body, '"tries":1', '"tries":0')`,
      ['snapshot'],
    ],
    [
      'a snapshot that lags',
      "UPDATE lading_snapshot SET version = 1 WHERE stream = 'waiting'",
      ['snapshot'],
    ],
    [
      'a head that lies',
      "UPDATE lading_stream SET status = 'done' WHERE stream = 'idle'",
      ['head'],
    ],
    ['a head that lags', "UPDATE lading_stream SET version = 2 WHERE stream = 'waiting'", ['head']],
    [
      'a lost timer',
      "DELETE FROM lading_task WHERE kind = 'timer' AND stream = 'waiting'",
      ['task'],
    ],
    ['a lost service', "DELETE FROM lading_task WHERE kind = 'invoke'", ['task']],
    [
      'a timer with another due time',
      "UPDATE lading_task SET due_at = due_at + 1 WHERE kind = 'timer' AND stream = 'waiting'",
      ['task'],
    ],
    [
      'a service with another fence',
      "UPDATE lading_task SET run = 1 WHERE kind = 'invoke'",
      ['task'],
    ],
    [
      'a task that nobody asked for',
      "UPDATE lading_task SET name = 'ghost' WHERE stream = 'waiting'",
      ['task', 'task'],
    ],
    [
      'an action that nobody asked for',
      "UPDATE lading_task SET run = 7 WHERE kind = 'action' AND stream = 'resting'",
      ['task'],
    ],
    ['a projection that lies', "UPDATE app SET value = 'x' WHERE id = 'done'", ['projection']],
    [
      'a projection that is gone',
      'DELETE FROM app',
      ['projection', 'projection', 'projection', 'projection', 'projection'],
    ],
  ];

  it.each(harms)('tells of %s, and repairs it from the log', async (_what, sql, kinds) => {
    const { host, phone, check, projected } = await lived();
    const states = new Map(['idle', 'waiting', 'done'].map((id) => [id, host.state(stream(id))]));
    await phone.until(host.close());
    phone.handle.exec(sql);
    expect((await check()).map(({ kind, repaired }) => [kind, repaired])).toEqual(
      kinds.map((kind) => [kind, false]),
    );
    expect((await check(true)).every(({ repaired }) => repaired)).toBe(true);
    expect(await check()).toEqual([]);
    const again = await phone.open([projected]);
    for (const [id, state] of states) expect(again.state(stream(id))).toEqual(state);
    await phone.until(again.close());
  });

  it('tells of an event whose recorded state is not what the machine makes of it, and never changes the log', async () => {
    const { host, phone, check } = await lived();
    await phone.until(host.close());
    phone.handle.exec(
      `UPDATE lading_event SET state = '"idle"' WHERE stream = 'carrying' AND version = 2`,
    );
    const found = await check(true);
    expect(found).toMatchObject([{ kind: 'state', stream: 'carrying', repaired: false }]);
    expect(found[0]?.message).toContain('recorded "idle", the machine makes "carrying"');
  });

  it('tells of a missing event, an unknown machine and a task that was set aside', async () => {
    const { host, phone, check } = await lived();
    await phone.until(host.close());
    phone.handle.exec(`
      DELETE FROM lading_event WHERE stream = 'waiting' AND version = 2;
      UPDATE lading_stream SET machine = 'gone' WHERE stream = 'idle';
      UPDATE lading_task SET buried = 'a bug' WHERE stream = 'carrying'`);
    expect((await check()).map(({ stream: id, kind }) => [id, kind])).toEqual([
      ['carrying', 'buried'],
      ['idle', 'log'],
      ['waiting', 'log'],
    ]);
  });

  it('goes through a large database in slices, every stream once', async () => {
    const { host, phone, projected } = await lived();
    const more = Array.from({ length: 20 }, (_, index) => stream(`more${index}`));
    await phone.until(Promise.all(more.map((id) => host.create(id, 'courier', {}))));
    let checked = 0;
    let after: ReturnType<typeof stream> | undefined;
    let slices = 0;
    do {
      const slice = await verifyStreams(phone.store, [projected], { after, limit: 4 });
      expect(slice.differences).toEqual([]);
      checked += slice.checked;
      slices++;
      after = slice.next;
    } while (after !== undefined);
    expect([checked, slices]).toEqual([25, 7]);
    await phone.until(host.close());
  });
});
