// @vitest-environment happy-dom
import { useSelector } from '@xstate/react';
import type { AttachmentActor, AttachmentActorSnapshot } from 'lading';
import { act, createElement, StrictMode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { captureMany, gate, image, picture, type World, world } from '../support/lading-world.ts';

type Container = Parameters<typeof createRoot>[0] & { readonly textContent: string };
/** The page of happy-dom, and what React asks for before `act` is allowed. */
const page = globalThis as unknown as {
  IS_REACT_ACT_ENVIRONMENT: boolean;
  readonly document: { createElement(tag: string): Container };
};
let root: Root | undefined;
let container: Container;

beforeEach(() => {
  page.IS_REACT_ACT_ENVIRONMENT = true;
  container = page.document.createElement('div');
});

afterEach(async () => {
  await act(async () => root?.unmount());
  root = undefined;
});

const stateOf = ({ context }: AttachmentActorSnapshot): string => context.view?.state ?? 'unknown';
const percentOf = ({ context }: AttachmentActorSnapshot): number => {
  const { sentBytes, totalBytes } = context.view?.progress ?? { sentBytes: 0, totalBytes: 1 };
  return Math.round((100 * sentBytes) / totalBytes);
};

/** One photo of a screen: its state, and how far it is. Counts how often it is rendered. */
function Photo({
  actor,
  rendered,
}: {
  readonly actor: AttachmentActor;
  readonly rendered: () => void;
}) {
  rendered();
  const state = useSelector(actor, stateOf);
  const percent = useSelector(actor, percentOf);
  return createElement('p', null, `${state} ${percent}%`);
}

async function settle(phone: World): Promise<void> {
  for (const lading of phone.ladings) await phone.until(lading.settled());
}

async function show(actor: AttachmentActor, rendered = (): void => {}): Promise<void> {
  root = createRoot(container);
  await act(async () => root?.render(createElement(Photo, { actor, rendered })));
}

async function uploading(
  size: number,
): Promise<{ phone: World; open: () => void; actor: AttachmentActor }> {
  const held = gate();
  const phone = world({ script: () => ({ after: held.promise }) });
  const lading = await phone.open();
  const photo = await phone.until(lading.capture(picture('a picture', size), image()));
  const actor = await phone.until(lading.actor(photo.ref));
  return { phone, open: () => held.open(), actor };
}

describe('useSelector of @xstate/react, with lading.actor(ref)', () => {
  it('renders the state and the progress of an upload as they change', async () => {
    const { phone, open, actor } = await uploading(300_000);
    await show(actor);
    expect(container.textContent).toBe('uploading 0%');
    const seen = new Set<string>();
    const stop = actor.subscribe(() => void seen.add(`${percentOf(actor.getSnapshot())}`));
    open();
    await act(() => settle(phone));
    expect(container.textContent).toBe('uploaded 0%');
    expect(seen.has('100')).toBe(true);
    stop.unsubscribe();
  });

  it('renders nothing anew when nothing of it changed', async () => {
    const phone = world();
    const lading = await phone.open();
    const [one = '', other = ''] = await captureMany(phone, lading, 2);
    await phone.until(lading.settled());
    const actor = await phone.until(lading.actor(one));
    let renders = 0;
    await show(actor, () => {
      renders += 1;
    });
    const before = renders;
    await act(async () => {
      await phone.until(lading.cancel(other));
      await phone.until(lading.pin(one));
      phone.net.set({ online: false });
      await phone.pass(60_000);
    });
    expect(renders).toBe(before);
  });

  it('shows two components the same at any moment, also under StrictMode', async () => {
    const { phone, open, actor } = await uploading(100_000);
    const torn: string[] = [];
    const Pair = () => {
      const [one, two] = [useSelector(actor, stateOf), useSelector(actor, stateOf)];
      if (one !== two) torn.push(`${one} ${two}`);
      return createElement('p', null, one);
    };
    root = createRoot(container);
    await act(async () =>
      root?.render(createElement(StrictMode, null, createElement(Pair), createElement(Pair))),
    );
    open();
    await act(() => settle(phone));
    expect(container.textContent).toBe('uploadeduploaded');
    expect(torn).toEqual([]);
  });

  it('unsubscribes when the component goes, and the upload goes on', async () => {
    const { phone, open, actor } = await uploading(100);
    let subscribers = 0;
    const counted: AttachmentActor = {
      ...actor,
      getSnapshot: actor.getSnapshot,
      subscribe(listener) {
        subscribers += 1;
        const { unsubscribe } = actor.subscribe(listener);
        return {
          unsubscribe() {
            subscribers -= 1;
            unsubscribe();
          },
        };
      },
    };
    let renders = 0;
    await show(counted, () => {
      renders += 1;
    });
    expect(subscribers).toBe(2);
    await act(async () => root?.unmount());
    root = undefined;
    expect(subscribers).toBe(0);
    const before = renders;
    open();
    await settle(phone);
    expect(renders).toBe(before);
    expect(stateOf(actor.getSnapshot())).toBe('uploaded');
  });
});
