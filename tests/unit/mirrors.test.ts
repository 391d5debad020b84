import type { AttachmentRef, LiveView, MediaId } from 'lading';
import { describe, expect, it } from 'vitest';
import { createMirrors } from '../../engine/actors/mirrors.ts';
import type { Change } from '../../engine/host/definition.ts';

const ID = '019b76da-a800-71d7-a841-4abaac2f764c' as MediaId;

/** The engine around mirrors: one attachment, and who listens to what. */
function engine() {
  let url = `offline://${ID}`;
  let view: LiveView = { state: 'uploading' };
  const watchers = new Set<(view: LiveView) => void>();
  const subscribers = new Set<(changes: readonly Change[]) => void>();
  const elsewhere = new Set<() => void>();
  const logged: string[] = [];
  const refOf = (): AttachmentRef => ({ mediaId: ID, url, kind: 'image' });
  const mirrors = createMirrors({
    views: {
      watchOne(_target, listener) {
        listener(view);
        watchers.add(listener);
        return () => void watchers.delete(listener);
      },
    },
    host: {
      subscribe(listener) {
        subscribers.add(listener);
        return () => void subscribers.delete(listener);
      },
      onElsewhere(listener) {
        elsewhere.add(listener);
        return () => void elsewhere.delete(listener);
      },
    },
    refOf,
    logger: { error: (message) => void logged.push(message) },
  });
  return {
    mirrors,
    logged,
    listening: () => [watchers.size, subscribers.size, elsewhere.size],
    /** A commit; with a new url, perhaps in another process. */
    commit: (next = url, here = true): void => {
      url = next;
      const change = { stream: ID as string } as Change;
      if (here) for (const listener of subscribers) listener([change]);
      else for (const listener of elsewhere) listener();
    },
    show: (next: LiveView): void => {
      view = next;
      for (const listener of watchers) listener(next);
    },
  };
}

describe('a mirror of an attachment', () => {
  it('goes on for all others when one of its listeners throws', () => {
    const { mirrors, show, logged } = engine();
    const [one, other] = [mirrors.open(ID), mirrors.open(ID)];
    let told = 0;
    one.subscribe(() => {
      throw new Error('a bug of a screen');
    });
    other.subscribe(() => {
      told += 1;
    });
    show({ state: 'uploaded' });
    expect(told).toBe(1);
    expect(logged).toEqual(['a subscriber threw']);
  });

  it('is shared by all that look at it, and watches nothing once the last one let it go', () => {
    const { mirrors, listening } = engine();
    expect(listening()).toEqual([0, 0, 0]);
    const [one, other] = [mirrors.open(ID), mirrors.open(ID)];
    expect(one.shown).toBe(other.shown);
    expect(listening()).toEqual([1, 1, 1]);
    one.release();
    one.release();
    expect(listening()).toEqual([1, 1, 1]);
    other.release();
    expect(listening()).toEqual([0, 0, 0]);
    mirrors.open(ID).release();
    expect(listening()).toEqual([0, 0, 0]);
  });

  it('tells of a change of the view, or of the url alone, and keeps the part that did not change', () => {
    const { mirrors, commit, show } = engine();
    const mirror = mirrors.open(ID);
    const told: string[] = [];
    mirror.subscribe(() => told.push(`${mirror.shown.view.state} ${mirror.shown.ref?.url}`));
    const { ref } = mirror.shown;
    show({ state: 'uploaded' });
    expect(mirror.shown.ref).toBe(ref);
    const { view } = mirror.shown;
    commit('https://one.example/x');
    commit('https://two.example/x', false);
    expect(mirror.shown.view).toBe(view);
    expect(told).toEqual([
      `uploaded offline://${ID}`,
      'uploaded https://one.example/x',
      'uploaded https://two.example/x',
    ]);
  });

  it('tells nothing when nothing of it changed, and nobody who let it go', () => {
    const { mirrors, commit, show } = engine();
    const [kept, released] = [mirrors.open(ID), mirrors.open(ID)];
    let calls = 0;
    const count = (): void => {
      calls += 1;
    };
    kept.subscribe(count);
    released.subscribe(count);
    const { shown } = kept;
    commit();
    show({ state: 'uploading' });
    expect(kept.shown).toBe(shown);
    expect(calls).toBe(0);
    released.release();
    show({ state: 'uploaded' });
    expect(calls).toBe(1);
  });
});
