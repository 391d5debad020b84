import { createStepper, type HostedMachine, verifyStreams } from 'lading/host';
import { describe, expect, it } from 'vitest';
import { courier, device, hosted, manual, stream } from '../support/host-world.ts';

const a = stream('a');

describe('streams are virtual', () => {
  it('and only as many as the cache holds are in memory; the others come back from rows', async () => {
    const phone = device();
    const host = await phone.open([hosted('courier', courier)], { cacheSize: 8 });
    const ids = Array.from({ length: 50 }, (_, index) => stream(`s${index}`));
    await phone.until(Promise.all(ids.map((id) => host.create(id, 'courier', {}))));
    for (let round = 1; round <= 2; round++) {
      await phone.until(Promise.all(ids.map((id) => host.send(id, { type: 'note' }))));
      expect(host.cached).toBe(8);
      expect(ids.map((id) => host.state(id)?.context['notes'])).toEqual(ids.map(() => round));
    }
    await phone.until(host.close());
  });
});

describe('the log alone', () => {
  async function lived() {
    const phone = device();
    const carry = manual();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.until(host.create(a, 'courier', { tries: 2 }));
    await phone.until(host.send(a, { type: 'go' }));
    carry.calls[0]?.resolve({ ok: false });
    await phone.quiet();
    await phone.until(host.send(a, { type: 'note' }));
    const state = host.state(a);
    expect(state).toMatchObject({ value: 'waiting', context: { tries: 3, notes: 1 }, version: 4 });
    await phone.until(host.close());
    return { phone, state };
  }

  it('gives the same state when every snapshot is deleted, damaged or from the future (contract 9.2)', async () => {
    const { phone, state } = await lived();
    for (const harm of [
      'DELETE FROM lading_snapshot',
      "UPDATE lading_snapshot SET body = '{not json'",
      `UPDATE lading_snapshot SET body = '{"status":"active","value":"renamed","context":{},"children":{}}'`,
      'UPDATE lading_snapshot SET version = 99',
      'UPDATE lading_snapshot SET version = 0',
    ]) {
      phone.handle.exec(harm);
      const host = await phone.open([hosted('courier', courier)]);
      expect(host.state(a)).toEqual(state);
      await phone.until(host.close());
    }
  });

  it('is replayed when the machine has a new format', async () => {
    const { phone, state } = await lived();
    let restored = 0;
    const stepper = createStepper(courier);
    const counting = {
      ...stepper,
      restore: (body: Parameters<typeof stepper.restore>[0]) => {
        restored++;
        return stepper.restore(body);
      },
    };
    const next: HostedMachine = { ...hosted('courier', courier), format: '2', stepper: counting };
    const host = await phone.open([next]);
    expect(host.state(a)).toEqual(state);
    expect(restored).toBe(0);
    await phone.until(host.send(a, { type: 'note' }));
    await phone.until(host.close());
    const again = await phone.open([next]);
    expect(again.state(a)?.version).toBe(5);
    expect(restored).toBe(1);
    await phone.until(again.close());
  });

  it('of a machine that is not registered waits, and says so', async () => {
    const { phone } = await lived();
    const host = await phone.open([hosted('other', courier)]);
    await phone.clock.advanceBy(60_000); // its backoff is long over
    await expect(phone.until(host.send(a, { type: 'note' }))).rejects.toMatchObject({
      code: 'unknown_machine',
      details: { machine: 'courier' },
    });
    await expect(phone.until(host.create(stream('b'), 'none', {}))).rejects.toMatchObject({
      code: 'unknown_machine',
    });
    await phone.until(host.close());
    const back = await phone.open([hosted('courier', courier)]);
    await phone.quiet();
    expect(back.state(a)?.value).toBe('carrying');
    await phone.until(back.close());
  });

  it('with a newer last event is refused also where a snapshot spares the replay (contract 9.4)', async () => {
    const { phone } = await lived();
    phone.handle.exec(
      'UPDATE lading_event SET schema_version = 2 WHERE version = (SELECT max(version) FROM lading_event)',
    );
    const before = phone.rows('SELECT * FROM lading_event');
    const host = await phone.open([hosted('courier', courier)]);
    await expect(phone.until(host.send(a, { type: 'note' }))).rejects.toMatchObject({
      code: 'unknown_event_version',
    });
    expect(phone.rows('SELECT * FROM lading_event')).toEqual(before);
    await phone.until(host.close());
  });

  it('with an event of a newer version is refused and left untouched, and other streams go on (contract 9.4)', async () => {
    const { phone } = await lived();
    phone.handle.exec(
      "UPDATE lading_event SET schema_version = 2 WHERE version = 3; UPDATE lading_snapshot SET format = '2'",
    );
    const before = phone.rows('SELECT * FROM lading_event');
    const carry = manual();
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    await phone.clock.advanceBy(300_000);
    await expect(phone.until(host.send(a, { type: 'note' }))).rejects.toMatchObject({
      code: 'unknown_event_version',
    });
    expect(() => host.state(a)).toThrow(expect.objectContaining({ code: 'unknown_event_version' }));
    await phone.until(host.create(stream('b'), 'courier', {}));
    await phone.until(host.send(stream('b'), { type: 'go' }));
    expect(carry.calls.map(({ run }) => run.stream)).toEqual(['b']);
    expect(phone.rows("SELECT * FROM lading_event WHERE stream = 'a'")).toEqual(before);
    expect(phone.rows("SELECT buried, runner FROM lading_task WHERE stream = 'a'")).toEqual([
      { buried: null, runner: null },
    ]);
    const slice = phone.store.read(() => null);
    expect(slice).toBeNull();
    const { differences } = await verifyStreams(phone.store, [hosted('courier', courier)]);
    expect(differences.filter(({ stream: id }) => id === a)).toMatchObject([{ kind: 'log' }]);
    await phone.until(host.close());
  });

  it('begins no service for a stream that it can not read, and does not starve those behind it', async () => {
    const phone = device();
    const bare = await phone.open([hosted('courier', courier)]);
    const ids = Array.from({ length: 30 }, (_, index) => stream(`s${10 + index}`));
    await phone.until(Promise.all(ids.map((id) => bare.create(id, 'courier', {}))));
    await phone.until(Promise.all(ids.map((id) => bare.send(id, { type: 'go' }))));
    await phone.until(bare.close());
    phone.handle.exec(
      "UPDATE lading_event SET schema_version = 2 WHERE stream < 's35'; DELETE FROM lading_snapshot",
    );
    const carry = manual({ concurrency: 2 });
    const host = await phone.open([hosted('courier', courier, { services: { carry } })]);
    for (let round = 0; round < 30; round++) {
      host.wake();
      await phone.quiet();
    }
    expect(carry.calls.map(({ run }) => run.stream)).toEqual(['s35', 's36']);
    await phone.until(host.close());
  });
});
