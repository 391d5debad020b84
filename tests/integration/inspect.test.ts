import { bytesSource, type Inspect, type LadingOptions, type Owner } from 'lading';
import { defaultRedaction, noRedaction, statelyInspect } from 'lading/inspect';
import { afterEach, describe, expect, it } from 'vitest';
import { loadInspect } from '../../adapters/inspect/index.ts';
import { type Frame, inspectorListener, type Listener } from '../support/inspector-listener.ts';
import {
  codeOf,
  image,
  owner,
  picture,
  pictureBytes,
  type World,
  world,
} from '../support/lading-world.ts';

const CANARY = 'canary-7f3a';
const ACCOUNT = `${CANARY}@mail.example`;
const PICTURE = pictureBytes('a picture to be seen');
const MINE: Owner = owner('item.images', 'item-1', ACCOUNT);
const listeners: Listener[] = [];

async function listening(port?: number): Promise<Listener> {
  const listener = await inspectorListener(port);
  listeners.push(listener);
  return listener;
}

afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close();
});

/** Everything that must not be seen carries the canary: names, addresses, capabilities, words of others. */
function dangerous(): World {
  return world({
    resumableAboveBytes: 4,
    script: ({ operation, nth }) =>
      operation === 'upload' && nth === 1
        ? {
            fault: {
              ok: false,
              class: 'retryable',
              code: 'http_503',
              message: `Bearer ${CANARY} at https://files.example/?token=${CANARY}`,
            },
          }
        : undefined,
  });
}

async function wholeLife(phone: World, options: Partial<LadingOptions>) {
  const lading = await phone.open({ account: ACCOUNT, ...options });
  const source = bytesSource(PICTURE, {
    filename: `${CANARY}.jpg`,
    contentType: 'image/jpeg',
  });
  const photo = await phone.until(lading.capture(source, { owner: MINE, kind: 'image' }));
  await phone.pass(60_000);
  await phone.until(lading.settled());
  expect(photo.view.state).toBe('uploaded');
  await phone.until(lading.cancel(photo.id));
  await phone.pass(16 * 60_000);
  const history = lading.history(photo.id);
  return { lading, id: photo.id, history };
}

describe('the Stately inspector, over a WebSocket to a listener on this machine', () => {
  it('shows an attachment with its machine, and then every event and state of its life, in order', async () => {
    const listener = await listening();
    const phone = dangerous();
    const inspect = await statelyInspect({ url: listener.url });
    const { lading, id, history } = await wholeLife(phone, { inspect });
    await listener.until(({ snapshot }) => snapshot?.status === 'done');
    const frames = listener.frames.filter(({ sessionId }) => sessionId === id);
    const [actor, ...steps] = frames;
    expect(actor).toMatchObject({ type: '@xstate.actor', name: `attachment-${id}` });
    const definition = JSON.parse(actor?.definition ?? '') as { readonly states: object };
    expect(Object.keys(definition.states).toSorted()).toEqual([
      'localCopy',
      'reference',
      'transfer',
    ]);
    expect(steps.map(({ type }) => type)).toEqual(
      history.flatMap(() => ['@xstate.event', '@xstate.snapshot']),
    );
    expect(steps.filter(isEvent).map(({ event }) => event?.type)).toEqual(
      history.map(({ type }) => type),
    );
    expect(steps.filter((frame) => !isEvent(frame)).map(({ snapshot }) => snapshot?.value)).toEqual(
      history.map(({ state }) => state),
    );
    expect(history.map(({ type }) => type)).toContain('upload.opened');
    await phone.until(lading.close());
  });

  it('shows ids, states, kinds, sizes and codes, and nothing that is a name, an address or a capability (contract 10.4)', async () => {
    const listener = await listening();
    const phone = dangerous();
    const inspect = await statelyInspect({ url: listener.url });
    const { id, history } = await wholeLife(phone, { inspect });
    await listener.until(({ snapshot }) => snapshot?.status === 'done');
    expect(JSON.stringify(history)).toContain(CANARY);
    const secrets = [CANARY, ...secretsOf(history)];
    const text = listener.texts.join('\n');
    expect(secrets.length).toBeGreaterThan(4);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    const uploaded = listener.frames.find(({ event }) => event?.type === 'upload.succeeded');
    expect(uploaded?.event).toMatchObject({
      output: { ok: true, receipt: { byteSize: PICTURE.byteLength, url: '[redacted]' } },
    });
    const last = listener.frames.findLast(({ type }) => type === '@xstate.snapshot');
    expect(last?.snapshot?.context).toMatchObject({
      mediaId: id,
      accountId: '[redacted]',
      media: {
        kind: 'image',
        contentType: 'image/jpeg',
        byteSize: PICTURE.byteLength,
        filename: '[redacted]',
      },
    });
    const failed = listener.frames.find(({ event }) => event?.type === 'upload.failed');
    expect(failed?.event).toMatchObject({ output: { class: 'retryable', code: 'http_503' } });
  });

  it('shows nothing that a later version adds, until somebody thought about it', () => {
    const later = { newWord: 'word', newList: ['word'], newHolder: { kind: 'image' } };
    const context = { ...later, kind: 'image', count: 3, media: { ...later, byteSize: 5 } };
    expect(defaultRedaction.context(context)).toEqual({
      kind: 'image',
      count: 3,
      media: { byteSize: 5 },
    });
    expect(defaultRedaction.payload({ kind: 'a sentence, or worse' }, 'upload.failed')).toEqual({
      kind: '[redacted]',
    });
  });

  it('shows all of it to whoever asks for that', async () => {
    const listener = await listening();
    const inspect = await statelyInspect({ url: listener.url, redact: noRedaction });
    await wholeLife(dangerous(), { inspect });
    await listener.until(({ snapshot }) => snapshot?.status === 'done');
    expect(listener.texts.join()).toContain(`${CANARY}.jpg`);
  });

  it('shows what is on its way when Lading opens, and nothing of what is settled', async () => {
    const listener = await listening();
    const phone = world({ online: false });
    const first = await phone.open();
    const settled = await phone.until(first.capture(picture('one'), image()));
    phone.net.set({ online: true });
    await phone.until(first.settled());
    phone.net.set({ online: false });
    const waiting = await phone.until(first.capture(picture('two'), image()));
    await phone.until(first.close());
    await phone.open({ inspect: await statelyInspect({ url: listener.url }) });
    await listener.until(({ sessionId }) => sessionId === waiting.id);
    expect(listener.frames.map(({ type, sessionId }) => [type, sessionId])).toEqual([
      ['@xstate.actor', waiting.id],
    ]);
    expect(listener.texts.join()).not.toContain(settled.id);
  });

  it('catches up with a listener that comes late, and with one that comes again', async () => {
    const first = await listening();
    const port = Number(new URL(first.url).port);
    await first.close();
    const retries: (() => void)[] = [];
    const { frameSocket } = await import('../../adapters/inspect/socket.ts');
    const socket = frameSocket(
      () => new WebSocket(`ws://127.0.0.1:${port}`),
      (_ms, run) => {
        retries.push(run);
        for (const look of waiting.splice(0)) look();
        return () => {};
      },
    );
    const waiting: (() => void)[] = [];
    const refused = new Promise<void>((resolve) => void waiting.push(resolve));
    socket.send({ type: '@xstate.actor', sessionId: 'a' });
    socket.send({ type: '@xstate.event', sessionId: 'a' });
    socket.send({ type: '@xstate.snapshot', sessionId: 'a' });
    await refused;
    const late = await listening(port);
    retries.shift()?.();
    await late.until(({ type }) => type === '@xstate.snapshot');
    expect(late.frames.map(({ type }) => type)).toEqual([
      '@xstate.actor',
      '@xstate.event',
      '@xstate.snapshot',
    ]);
    const gone = new Promise<void>((resolve) => void waiting.push(resolve));
    late.hangUp();
    await gone;
    retries.shift()?.();
    await late.until(() => late.frames.length === 5);
    expect(late.frames.slice(3).map(({ type }) => type)).toEqual([
      '@xstate.actor',
      '@xstate.snapshot',
    ]);
    socket.close();
  });
});

describe('trouble of an inspector', () => {
  it('that is not there, or hangs up in the middle, disturbs no upload', async () => {
    const listener = await listening();
    const inspect = await statelyInspect({ url: listener.url });
    await listener.connected();
    listener.hangUp();
    await listener.close();
    const phone = dangerous();
    const { lading, history } = await wholeLife(phone, { inspect });
    expect(history.at(-1)?.state).toBeDefined();
    await phone.until(lading.close());
  });

  it('that throws is told once, and changes nothing', async () => {
    const broken = (): never => {
      throw new Error('broken');
    };
    const inspect: Inspect = { actor: broken, event: broken, snapshot: broken, close: broken };
    const phone = dangerous();
    const { lading } = await wholeLife(phone, { inspect });
    await phone.until(lading.close());
    expect(phone.logged.filter(({ message }) => message.includes('inspector'))).toHaveLength(1);
  });

  it('asks for the package where it is missing, and for a url that is one', async () => {
    const missing = Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' });
    expect(await codeOf(loadInspect(() => Promise.reject(missing)))).toBe('sdk_missing');
    expect(await codeOf(loadInspect(() => Promise.reject(new Error('other'))))).toBe(
      'Error: other',
    );
    expect(await codeOf(statelyInspect({ url: 'https://stately.ai/inspect' }))).toBe(
      'invalid_option',
    );
  });
});

function isEvent({ type }: Frame): boolean {
  return type === '@xstate.event';
}

/** Every capability and hash that is in the log. */
function secretsOf(history: readonly unknown[]): readonly string[] {
  const found = new Set<string>();
  JSON.stringify(history, (name, value: unknown) => {
    const isSecret = ['url', 'handle', 'token', 'blobKey', 'sha256', 'filename', 'message'];
    if (isSecret.includes(name) && typeof value === 'string' && value !== '') found.add(value);
    return value;
  });
  return [...found];
}
