import { bytesSource, LadingError } from 'lading';
import { describe, expect, it } from 'vitest';
import { assign, createActor, type SnapshotFrom, sendTo, setup } from 'xstate';
import {
  gate,
  image,
  picture,
  pictureBytes,
  shows,
  type World,
  world,
} from '../support/lading-world.ts';

type Open = Awaited<ReturnType<World['open']>>;

/** Its parent shows what the mirror shows, and forwards what is asked of it. */
function screen(lading: Open, source = picture(), more: Parameters<typeof image>[1] = {}) {
  return setup({
    types: {
      context: {} as { readonly shown: readonly string[]; readonly refused: unknown },
      events: {} as { readonly type: 'pause' | 'resume' | 'cancel' | 'leave' },
    },
    actors: { attachment: lading.attachmentLogic },
  }).createMachine({
    context: { shown: [], refused: null },
    initial: 'adding',
    states: {
      adding: {
        invoke: {
          id: 'photo',
          src: 'attachment',
          input: { capture: { source, options: image('item.images', more) } },
          onSnapshot: {
            actions: assign({
              shown: ({ context, event }) => {
                const { view } = event.snapshot.context;
                const now = view === null ? 'capturing' : shows(view);
                return context.shown.at(-1) === now ? context.shown : [...context.shown, now];
              },
            }),
          },
          onDone: 'done',
          onError: {
            target: 'refused',
            actions: assign({ refused: ({ event }) => event.error }),
          },
        },
        on: {
          pause: { actions: sendTo('photo', { type: 'pause' }) },
          resume: { actions: sendTo('photo', { type: 'resume' }) },
          cancel: { actions: sendTo('photo', { type: 'cancel' }) },
          leave: 'left',
        },
      },
      left: {},
      refused: {},
      done: {},
    },
  });
}

describe('attachmentLogic, invoked by an app', () => {
  it('captures, mirrors what the attachment does, forwards events, and is done when it is gone', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const parent = createActor(screen(lading)).start();
    await phone.pass();
    parent.send({ type: 'pause' });
    await phone.pass();
    phone.net.set({ online: true });
    await phone.pass();
    expect(phone.remote.calls).toEqual([]);
    parent.send({ type: 'resume' });
    await phone.until(lading.settled());
    expect(parent.getSnapshot().context.shown).toEqual([
      'capturing',
      'local_only, waiting for network',
      'local_only, waiting for resume',
      'uploading',
      'uploaded',
    ]);
    parent.send({ type: 'cancel' });
    await phone.pass();
    expect(parent.getSnapshot().value).toBe('done');
  });

  it('goes on uploading when the parent leaves or stops in the middle', async () => {
    for (const how of ['leave', 'stop'] as const) {
      const held = gate();
      const phone = world({ script: () => ({ after: held.promise }) });
      const lading = await phone.open();
      const parent = createActor(screen(lading)).start();
      await phone.pass();
      expect(phone.remote.running.now).toBe(1);
      if (how === 'leave') parent.send({ type: 'leave' });
      else parent.stop();
      await phone.pass(60_000);
      expect(phone.remote.running.now).toBe(1);
      held.open();
      const report = await phone.until(lading.settled());
      expect(report.waiting).toEqual([]);
      expect(phone.remote.objects.size).toBe(1);
      expect((await phone.until(lading.verify())).differences).toEqual([]);
    }
  });

  it('goes on capturing when the parent stops before it is durable: nothing that was given is lost', async () => {
    const phone = world();
    const lading = await phone.open();
    const bytes = gate();
    const slow = {
      async *open() {
        await bytes.promise;
        yield pictureBytes('slow');
      },
    };
    const id = lading.newMediaId();
    const parent = createActor(screen(lading, slow, { id })).start();
    await phone.pass();
    parent.stop();
    bytes.open();
    await phone.pass();
    await phone.until(lading.settled());
    expect(shows(lading.view(id))).toBe('uploaded');
  });

  it('cancels a capture that is under way: nothing is left', async () => {
    const phone = world();
    const lading = await phone.open();
    const parent = createActor(
      screen(lading, {
        async *open() {
          yield Buffer.from('first part');
          await new Promise(() => {});
        },
      }),
    ).start();
    await phone.pass();
    parent.send({ type: 'cancel' });
    await phone.pass();
    expect(parent.getSnapshot().value).toBe('done');
    expect(phone.rows('SELECT * FROM lading_event')).toEqual([]);
  });

  it('is an error with the LadingError when the capture is refused', async () => {
    const phone = world();
    const lading = await phone.open();
    const empty = bytesSource(Buffer.alloc(0), { contentType: 'image/jpeg' });
    const parent = createActor(screen(lading, empty)).start();
    await phone.pass();
    const { value, context } = parent.getSnapshot();
    expect(value).toBe('refused');
    expect(context.refused).toBeInstanceOf(LadingError);
    expect(context.refused).toMatchObject({ code: 'source_empty' });
  });

  it('takes no input that names no attachment', async () => {
    const phone = world();
    const lading = await phone.open();
    const errors: unknown[] = [];
    const actor = createActor(lading.attachmentLogic, { input: {} as never });
    actor.subscribe({ error: (error) => void errors.push(error) });
    actor.start();
    expect(errors).toMatchObject([{ code: 'invalid_option' }]);
  });
});

describe('attachmentLogic, spawned by an app', () => {
  const album = (lading: Open) =>
    setup({
      types: { events: {} as { readonly type: 'add'; readonly id: string } },
      actors: { attachment: lading.attachmentLogic },
    }).createMachine({
      context: {},
      on: {
        add: {
          actions: assign(({ spawn, event }) => ({
            photo: spawn('attachment', { id: event.id, input: { ref: event.id } }),
          })),
        },
      },
    });

  it('mirrors attachments that there are, and says what an event could not do', async () => {
    const phone = world();
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    const stranger = lading.newMediaId();
    const parent = createActor(album(lading)).start();
    parent.send({ type: 'add', id: photo.id });
    parent.send({ type: 'add', id: stranger });
    await phone.until(lading.settled());
    const { children } = parent.getSnapshot();
    expect(children[photo.id]?.getSnapshot().context).toMatchObject({
      id: photo.id,
      view: { state: 'uploaded' },
      ref: { mediaId: photo.id, url: photo.ref.url },
      problem: null,
    });
    children[stranger]?.send({ type: 'retry' });
    await phone.pass();
    expect(children[stranger]?.getSnapshot().context).toMatchObject({
      ref: null,
      view: { state: 'local_only', waitingFor: 'author' },
      problem: { event: 'retry', code: 'not_found' },
    });
    parent.stop();
  });

  it('keeps its place while a removal can be undone, and is done once it cannot', async () => {
    const phone = world();
    const lading = await phone.open();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.until(lading.settled());
    const actor = createActor(lading.attachmentLogic, { input: { ref: photo.ref } }).start();
    const undo = await phone.until(lading.remove(photo.id, image().owner));
    await phone.pass();
    expect(actor.getSnapshot()).toMatchObject({
      status: 'active',
      context: { view: { state: 'gone', waitingFor: 'undo' } },
    });
    await phone.until(lading.undo(undo));
    await phone.pass();
    expect(actor.getSnapshot().context.view?.state).toBe('uploaded');
    await phone.until(lading.remove(photo.id, image().owner));
    await phone.pass(31_000);
    expect(actor.getSnapshot()).toMatchObject({
      status: 'done',
      output: { id: photo.id, view: { state: 'gone' } },
    });
  });

  it.each(['captured', 'uploaded'] as const)(
    'is done when it is %s, if asked so',
    async (until) => {
      const phone = world({ online: false });
      const lading = await phone.open();
      const actor = createActor(lading.attachmentLogic, {
        input: { capture: { source: picture(), options: image() }, until },
      }).start();
      await phone.pass();
      expect(actor.getSnapshot().status).toBe(until === 'captured' ? 'done' : 'active');
      phone.net.set({ online: true });
      await phone.until(lading.settled());
      await phone.pass();
      const { status, output } = actor.getSnapshot();
      expect(status).toBe('done');
      const state = until === 'captured' ? 'local_only' : 'uploaded';
      expect(output).toMatchObject({ view: { state }, ref: { kind: 'image' } });
    },
  );
});

describe('a parent that is persisted and restored', () => {
  it('is plain JSON, finds the same attachment, and repeats no capture', async () => {
    const phone = world({ online: false });
    const before = await phone.open();
    const machine = screen(before);
    const parent = createActor(machine).start();
    await phone.pass();
    const persisted = parent.getPersistedSnapshot();
    const text = JSON.stringify(persisted);
    expect(JSON.parse(text)).toEqual(withoutUndefined(persisted));
    phone.kill();

    const lading = await phone.open();
    phone.net.set({ online: true });
    await phone.until(lading.settled());
    const restored = createActor(screen(lading), {
      snapshot: JSON.parse(text) as SnapshotFrom<typeof machine>,
    }).start();
    await phone.pass();
    expect(restored.getSnapshot().children['photo']?.getSnapshot().context).toMatchObject({
      view: { state: 'uploaded' },
    });
    expect(phone.rows("SELECT * FROM lading_event WHERE type = 'attachment.created'")).toHaveLength(
      1,
    );
    expect(phone.remote.completions.size).toBe(1);
    parent.stop();
  });

  it('mirrors the one that was captured under an id made beforehand, and captures it no second time', async () => {
    const phone = world();
    const lading = await phone.open();
    const id = lading.newMediaId();
    for (const _ of ['first', 'again']) {
      const parent = createActor(screen(lading, picture(), { id })).start();
      await phone.until(lading.settled());
      expect(parent.getSnapshot().context).toMatchObject({ refused: null });
      expect(parent.getSnapshot().context.shown.at(-1)).toBe('uploaded');
      parent.stop();
    }
    expect(phone.rows("SELECT * FROM lading_event WHERE type = 'attachment.created'")).toHaveLength(
      1,
    );
  });

  it('waits for a capture that is still under way in this process', async () => {
    const phone = world();
    const lading = await phone.open();
    const bytes = gate();
    const source = {
      async *open() {
        await bytes.promise;
        yield pictureBytes('slow');
      },
    };
    const machine = screen(lading, source);
    const parent = createActor(machine).start();
    await phone.pass();
    const snapshot = parent.getPersistedSnapshot() as SnapshotFrom<typeof machine>;
    parent.stop();
    const restored = createActor(machine, { snapshot }).start();
    bytes.open();
    await phone.pass();
    await phone.until(lading.settled());
    expect(restored.getSnapshot().context.shown.at(-1)).toBe('uploaded');
    expect(phone.rows("SELECT * FROM lading_event WHERE type = 'attachment.created'")).toHaveLength(
      1,
    );
  });

  it('is told when the process ended before the capture was durable: nothing of it is here', async () => {
    const phone = world();
    const before = await phone.open();
    const machine = screen(before, {
      async *open() {
        yield Buffer.from('first part');
        await new Promise(() => {});
      },
    });
    const parent = createActor(machine).start();
    await phone.pass();
    const snapshot = parent.getPersistedSnapshot() as SnapshotFrom<typeof machine>;
    phone.kill();
    const lading = await phone.open();
    const restored = createActor(screen(lading), { snapshot }).start();
    await phone.pass();
    expect(restored.getSnapshot().context.refused).toMatchObject({ code: 'capture_aborted' });
  });
});

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== 'object' || value === null) return value;
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([name, item]) => [name, withoutUndefined(item)]),
  );
}
