import { verifyStreams } from 'lading/host';
import { describe, expect, it } from 'vitest';
import { LadingError } from '../../ports/errors.ts';
import { AT_ONCE, compactable, compactorOf } from '../support/compact-world.ts';
import { device, manual, stream } from '../support/host-world.ts';

const a = stream('a');

async function opened(machine = compactable()) {
  const phone = device();
  const host = await phone.open([machine]);
  const compactor = () => compactorOf(phone, machine);
  const compact = (
    options: { readonly limit?: number; readonly now?: number } = {},
    by = compactor(),
  ) => phone.until(by.compact({ now: phone.clock.now(), limit: 64, ...AT_ONCE, ...options }));
  const send = (type: string, key?: string) => phone.until(host.send(a, { type }, key));
  const verify = async () => (await phone.until(verifyStreams(phone.store, [machine]))).differences;
  const log = () => phone.rows('SELECT version, type, key FROM lading_event ORDER BY position');
  return { phone, host, machine, compactor, compact, send, verify, log };
}

describe('compaction of a log (contract 5.5)', () => {
  it('puts one checkpoint event in the place of all that a settled stream had, and goes on from it', async () => {
    const { phone, host, compact, send, verify, log, machine } = await opened();
    await phone.until(host.create(a, 'courier', { tries: 3 }));
    await send('note');
    await send('note');
    const before = host.state(a);
    expect(await compact()).toEqual({ streams: 1, events: 2, more: false });
    expect(log()).toEqual([{ version: 3, type: 'log.checkpoint', key: null }]);
    expect(phone.rows('SELECT * FROM lading_snapshot')).toEqual([]);
    expect(await verify()).toEqual([]);

    await phone.until(host.close());
    const again = await phone.open([machine]);
    expect(again.state(a)).toEqual(before);
    await phone.until(again.send(a, { type: 'note' }));
    expect(again.state(a)).toMatchObject({ version: 4, context: { tries: 3, notes: 3 } });
    expect(await verify()).toEqual([]);
    await phone.until(again.close());
  });

  it('says what the checkpoint stands for, those before it included', async () => {
    const { phone, host, compact, send, log } = await opened();
    await phone.until(host.create(a, 'courier', {}));
    const from = phone.clock.now();
    await send('note');
    await compact();
    await phone.clock.advanceBy(1_000);
    await send('note');
    await compact();
    expect(log()).toHaveLength(1);
    expect(host.history(a)[0]).toMatchObject({
      version: 3,
      state: 'idle',
      payload: {
        format: '1',
        context: { notes: 2 },
        replaced: {
          events: 3,
          from,
          to: from + 1_000,
          types: { 'courier.created': 1, note: 2 },
        },
      },
    });
  });

  it('leaves of a stream that is done a tombstone, at the same version and place', async () => {
    const { phone, host, compact, send, verify, log } = await opened();
    await phone.until(host.create(a, 'courier', {}));
    await send('note');
    await send('finish');
    const position = host.history(a).at(-1)?.position;
    expect(await compact()).toEqual({ streams: 1, events: 2, more: false });
    expect(log()).toEqual([{ version: 3, type: 'log.tombstone', key: null }]);
    expect(host.history(a)).toMatchObject([{ position, state: null, payload: { notes: 1 } }]);
    expect(await verify()).toEqual([]);
    await expect(phone.until(host.create(a, 'courier', {}))).rejects.toMatchObject({
      code: 'stream_exists',
    });
    expect((await send('note')).outcome).toBe('ignored');
  });

  it('goes on refusing the idempotency keys of events that are no longer there', async () => {
    const { phone, host, compact, send, log } = await opened();
    const key = 'a "quoted", key\n';
    await phone.until(host.create(a, 'courier', {}, 'first'));
    await send('note', key);
    await compact();
    expect((await send('note', key)).outcome).toBe('ignored');
    expect((await send('note', 'quoted')).outcome).toBe('changed');
    await compact();
    expect(log()).toHaveLength(1);
    for (const known of [key, 'quoted'])
      expect((await send('note', known)).outcome).toBe('ignored');
    expect((await phone.until(host.create(a, 'courier', {}, 'first'))).outcome).toBe('ignored');
    expect(host.state(a)?.context['notes']).toBe(2);
    await send('finish', 'last');
    await compact();
    expect(log()).toEqual([{ version: 4, type: 'log.tombstone', key: null }]);
    expect((await phone.until(host.create(a, 'courier', {}, 'first'))).outcome).toBe('ignored');
  });

  it('leaves what is not at rest: a service, a timer, an action, a task that was set aside', async () => {
    const carry = manual({ concurrency: 9 });
    const { phone, host, compact, log } = await opened(compactable({ services: { carry } }));
    const ids = ['carrying', 'waiting', 'acting', 'buried'].map(stream);
    for (const id of ids) {
      await phone.until(host.create(id, 'courier', {}));
      await phone.until(host.send(id, { type: 'go' }));
    }
    for (const { run, resolve } of carry.calls) {
      if (run.stream === 'waiting') resolve({ ok: false });
      if (run.stream === 'acting') resolve({ ok: true, id: 'x' });
    }
    await phone.quiet();
    // Done, but for an action that nobody has carried out.
    await phone.until(host.send(stream('acting'), { type: 'finish' }));
    phone.handle.exec("UPDATE lading_task SET buried = 'a bug' WHERE stream = 'buried'");
    const before = log();
    expect(await compact()).toEqual({ streams: 0, events: 0, more: false });
    expect(log()).toEqual(before);
  });

  it('looks at what cannot be compacted once, and again after its next event', async () => {
    const carry = manual();
    const { phone, host, compact, send } = await opened(compactable({ services: { carry } }));
    await phone.until(host.create(a, 'courier', {}));
    await send('go');
    carry.calls[0]?.reject(new Error('a bug'));
    await phone.quiet();
    expect(host.state(a)?.value).toBe('broken');
    const due = () =>
      phone.rows('SELECT stream FROM lading_stream WHERE version > compacted').length;
    expect(due()).toBe(1);
    expect((await compact()).streams).toBe(0);
    expect(due()).toBe(0);
    await send('note');
    expect(due()).toBe(1);
  });

  it('waits until a stream is old enough, each kind its own time', async () => {
    const { phone, host, compactor, compact, send } = await opened();
    await phone.until(host.create(a, 'courier', {}));
    const b = stream('b');
    await phone.until(host.create(b, 'courier', {}));
    await send('finish');
    await phone.clock.advanceBy(1_000);
    const by = compactor();
    const ages = { checkpointAfterMs: 1_000, tombstoneAfterMs: 2_000 };
    const at = (now: number) => phone.until(by.compact({ now, ...ages }));
    expect((await at(phone.clock.now() - 1)).streams).toBe(0);
    expect(await at(phone.clock.now())).toMatchObject({ streams: 1 });
    expect(host.history(b)).toHaveLength(1);
    expect(host.history(a)).toHaveLength(2);
    expect(await at(phone.clock.now() + 1_000)).toMatchObject({ streams: 1, events: 1 });
    expect((await compact({}, by)).streams).toBe(0);
  });

  it('goes through many in slices, and says when there is no more', async () => {
    const { phone, host, compactor, compact } = await opened();
    for (const n of Array.from({ length: 10 }, (_, index) => stream(`s${index}`))) {
      await phone.until(host.create(n, 'courier', {}));
      await phone.until(host.send(n, { type: 'finish' }));
    }
    const by = compactor();
    const reports = [];
    for (let n = 0; n < 4; n++) reports.push(await compact({ limit: 4 }, by));
    expect(reports.map(({ streams, more }) => [streams, more])).toEqual([
      [4, true],
      [4, true],
      [2, false],
      [0, false],
    ]);
  });

  it('leaves a log alone that is not what was derived from it, and goes on with the others', async () => {
    const { phone, host, compact, log } = await opened();
    const ids = ['bad-head', 'bad-state', 'gap', 'newer', 'sound'].map(stream);
    for (const id of ids) {
      await phone.until(host.create(id, 'courier', {}));
      await phone.until(host.send(id, { type: 'note' }));
    }
    phone.handle.exec(`
      UPDATE lading_stream SET status = 'done' WHERE stream = 'bad-head';
      UPDATE lading_event SET state = '"carrying"' WHERE stream = 'bad-state' AND version = 2;
      DELETE FROM lading_event WHERE stream = 'gap' AND version = 1;
      UPDATE lading_event SET schema_version = 9 WHERE stream = 'newer' AND version = 2`);
    const before = log().length;
    expect(await compact()).toEqual({ streams: 1, events: 1, more: false });
    expect(log()).toHaveLength(before - 1);
    expect(phone.logged.filter(({ message }) => message.includes('compacted'))).toHaveLength(4);
    expect((await compact()).streams).toBe(0);
  });

  it('deletes nothing when what it would write does not stand for what was there', async () => {
    const lying = compactable({
      compacted: {
        expand: () => ({ value: 'idle', context: { tries: 0, result: null, notes: 0 } }),
      },
    });
    const { phone, host, compact, send, log } = await opened(lying);
    await phone.until(host.create(a, 'courier', {}));
    await send('finish');
    const before = log();
    expect((await compact()).streams).toBe(0);
    expect(log()).toEqual(before);
    expect(phone.logged.at(-1)).toEqual({
      level: 'error',
      message: 'a stream cannot be compacted',
    });
  });

  it('refuses a checkpoint of another version of the machine, untouched, unless the machine brings it up (contract 9.4)', async () => {
    const first = compactable();
    const { phone, host, compact, send, log } = await opened(first);
    await phone.until(host.create(a, 'courier', {}));
    await send('note');
    await compact();
    await phone.until(host.close());
    const before = log();

    const second = compactable({ format: '2' });
    const stranger = await phone.open([second]);
    expect(() => stranger.state(a)).toThrow(LadingError);
    await expect(phone.until(stranger.send(a, { type: 'note' }))).rejects.toMatchObject({
      code: 'unknown_event_version',
    });
    const [difference] = (await phone.until(verifyStreams(phone.store, [second]))).differences;
    expect(difference).toMatchObject({ kind: 'log' });
    await phone.until(stranger.close());
    expect(log()).toEqual(before);

    const upcasting = compactable({
      format: '2',
      compacted: {
        expand: () => ({ value: 'done', context: {} }),
        upcast: (format, { value, context }) => ({
          value,
          context: { ...context, result: `from ${format}` },
        }),
      },
    });
    const third = await phone.open([upcasting]);
    expect(third.state(a)).toMatchObject({
      value: 'idle',
      context: { notes: 1, result: 'from 1' },
    });
    await phone.until(third.send(a, { type: 'note' }));
    expect((await phone.until(verifyStreams(phone.store, [upcasting]))).differences).toEqual([]);
    await phone.until(third.close());
  });

  it('refuses a checkpoint that a newer version of Lading wrote', async () => {
    const { phone, host, compact, machine } = await opened();
    await phone.until(host.create(a, 'courier', {}));
    await compact();
    await phone.until(host.close());
    phone.handle.exec('UPDATE lading_event SET schema_version = 2');
    const again = await phone.open([machine]);
    expect(() => again.state(a)).toThrow(
      expect.objectContaining({ code: 'unknown_event_version' }),
    );
    await phone.until(again.close());
  });

  it('refuses to be sent what only the host writes', async () => {
    const { phone, host } = await opened();
    await phone.until(host.create(a, 'courier', {}));
    for (const type of ['log.checkpoint', 'log.tombstone', 'courier.created']) {
      await expect(phone.until(host.send(a, { type }))).rejects.toMatchObject({
        code: 'invalid_event',
      });
    }
  });
});
