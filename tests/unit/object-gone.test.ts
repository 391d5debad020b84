import { createReferenceBackend } from 'lading/sync';
import { describe, expect, it } from 'vitest';
import type { Owner } from '../../machines/attachment/types.ts';
import { openGates, viewOf } from '../../machines/attachment/view.ts';
import { receiptOwner, remoteUrl } from '../../model-based-tests/support/cases.ts';
import type { BackendOp, PushResult } from '../../ports/backend.ts';
import { objectKey } from '../../ports/remote.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { type Life, liveThrough } from '../support/attachment-life.ts';
import { media, owner, pushes, syncParts } from '../support/sync-parts.ts';

const gone = (removedAt?: number) =>
  ({
    type: 'backend.refused',
    code: 'object_gone',
    message: '',
    ...(removedAt === undefined ? {} : { removedAt }),
  }) as const;

describe('an attachment whose object the backend deleted (contract 5.2)', () => {
  it('is sent again where its bytes are, from the beginning', () => {
    const life = uploaded();
    life.send(gone(7));
    expect(life.facts).toMatchObject({ situation: 'queued', error: null });
    expect(life.context).toMatchObject({ url: null, receipt: null, handle: null, sentAfter: 7 });
  });

  it('shows failed where they are not, and no retry helps (contract 2)', () => {
    const life = withoutBytes();
    life.send(gone(7));
    expect(viewOf(life.facts, openGates)).toMatchObject({
      state: 'failed',
      error: {
        code: 'object_gone',
        message: 'The file was deleted on the server. Please add it again.',
        retryable: false,
      },
    });
  });

  it('is sent again as soon as its bytes turn up', () => {
    const life = withoutBytes();
    life.send(gone(7));
    life.send({ type: 'bytes.found' });
    expect(life.facts.situation).toBe('queued');
    expect(life.context).toMatchObject({ url: null, sentAfter: 7 });
  });

  it('is uploaded again when the backend says that its object is there, and its refs are put once more', () => {
    const life = withoutBytes();
    life.send(gone(7));
    life.send({ type: 'remote.located', url: remoteUrl });
    expect(life.facts).toMatchObject({ situation: 'uploaded', error: null });
    expect(life.context.url).toBe(remoteUrl);
  });

  it('begins anew with each deletion that it hears of, and remembers the last one', () => {
    const life = uploaded();
    life.send(gone(7));
    life.send({ type: 'upload.started' });
    life.send(gone(8));
    expect(life.facts.situation).toBe('queued');
    expect(life.context.sentAfter).toBe(8);
  });

  it('fails where the backend does not say after what the bytes would have to be sent', () => {
    const life = uploaded();
    life.send(gone());
    expect(life.facts).toMatchObject({ situation: 'failed', error: { retryable: false } });
  });
});

describe('the answers to a push', () => {
  it('name the deletion once for the whole attachment, all of whose refs are put again', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const linked = { ...owner('i2'), scope: { ...owner().scope } };
    await parts.send(1, { type: 'ref.linked', owner: linked, rank: 'a0', isPrimary: false });
    const backend = pushes((ops, call) => answers(ops, call === 1 ? 7 : undefined));
    await parts.until(parts.pusher({ backend }).push());
    const [refused, ...others] = parts.host
      .history(media(1) as never)
      .filter(({ type }) => type === 'backend.refused');
    expect(others).toEqual([]);
    expect(refused?.payload).toMatchObject({ code: 'object_gone', removedAt: 7 });
    expect(backend.requests.at(-1)?.map(({ op }) => op)).toMatchObject([
      { owner: owner(), ref: { url: `offline://${media(1)}` }, sentAfter: 7 },
      { owner: owner('i2'), sentAfter: 7 },
    ]);
  });

  it('do not have a backend sent for ever what it refuses as older than a deletion that it is newer than', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const backend = pushes((ops) => answers(ops, 7));
    await parts.until(parts.pusher({ backend }).push());
    expect(backend.requests).toHaveLength(2);
    expect(parts.state(1)?.context['fault']).toMatchObject({
      code: 'object_gone',
      retryable: false,
    });
  });

  it('do not have a backend sent for ever what it deletes for ever, though it names a later time each time', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const backend = pushes((ops, call) => answers(ops, call));
    await parts.until(parts.pusher({ backend }).push());
    expect(backend.requests).toHaveLength(11);
    expect(parts.state(1)?.context['fault']).toMatchObject({
      code: 'object_gone',
      retryable: false,
    });
  });
});

describe('reference backend: an object that it deleted', () => {
  it('comes back with bytes that were sent after its deletion, and with no older ones', () => {
    const { backend, send } = server();
    send(put({ url: remoteUrl }));
    send(remove());
    backend.objectRemoved(KEY);
    const first = goneSince(send(put({ restore: true })));
    expect(goneSince(send(put({ restore: true, sentAfter: first - 1 })))).toBe(first);
    expect(send(put({ restore: true, sentAfter: first })).status).toBe('applied');
    expect(live(backend)).toEqual([OFFLINE]);
    expect(send(put({ url: remoteUrl, sentAfter: first })).status).toBe('applied');
    expect(live(backend)).toEqual([remoteUrl]);

    send(remove());
    backend.objectRemoved(KEY); // at the same time by the server's clock
    expect(goneSince(send(put({ restore: true, sentAfter: first })))).toBe(first + 1);
  });

  it('is told of as removed, rather than gone, where it is the ref that was removed', () => {
    const { backend, send } = server();
    send(put({ url: remoteUrl }));
    send(remove());
    backend.objectRemoved(KEY);
    expect(send(put({ url: remoteUrl }))).toMatchObject({ code: 'ref_deleted' });
  });

  it('comes back to a ref that was to be restored when it was gone (contract 5.2)', () => {
    const { backend, send } = server();
    send(put({ url: remoteUrl }));
    send(remove());
    backend.objectRemoved(KEY);
    const at = goneSince(send(put({ restore: true })));
    expect(send(put({ sentAfter: at })).status).toBe('applied');
    send(remove());
    expect(send(put({ sentAfter: at }))).toMatchObject({ code: 'ref_deleted' });
  });

  it.each([
    ['a put that came too late', () => put({ url: remoteUrl, restore: true })],
    ['bytes that are sent for a ref which is gone', (at: number) => put({ sentAfter: at })],
  ])('is to be deleted again after %s, when its grace is over (contract 5.2)', (_title, late) => {
    const { backend, clock, send } = server();
    send(put({ url: remoteUrl }));
    send(remove());
    backend.objectRemoved(KEY);
    clock.jump(10_000);
    send(late(goneSince(send(put({ of: owner('i2') })))));
    expect(backend.unreferenced(1_000)).toEqual([]);
    clock.jump(1_000);
    expect(backend.unreferenced(1_000)).toEqual([KEY]);
  });
});

const KEY = objectKey('ann', media(1));
const OFFLINE = `offline://${media(1)}`;

function uploaded(): Life {
  const life = liveThrough();
  life.send({ type: 'ref.linked', owner: receiptOwner, rank: 'a0', isPrimary: false });
  life.send({ type: 'upload.started' });
  const receipt = { url: remoteUrl, token: 'etag-1', byteSize: 3 };
  life.answer('upload', { ok: true, receipt });
  return life;
}

function withoutBytes(): Life {
  const life = uploaded();
  life.send({ type: 'evict.requested' });
  life.answer('evict', { ok: true });
  return life;
}

function answers(
  ops: readonly { readonly opId: string }[],
  at: number | undefined,
): readonly PushResult[] {
  return ops.map(({ opId }) =>
    at === undefined
      ? { opId, status: 'applied' }
      : { opId, status: 'refused', code: 'object_gone', message: '', removedAt: at },
  );
}

function server() {
  const clock = virtualClock();
  const backend = createReferenceBackend({ clock });
  let ops = 0;
  const send = (op: BackendOp): PushResult => {
    const [result] = backend.push('ann', [{ opId: `op-${++ops}`, op }]);
    if (result === undefined) throw new Error('no answer');
    return result;
  };
  return { backend, clock, send };
}

function goneSince(result: PushResult): number {
  expect(result).toMatchObject({ status: 'refused', code: 'object_gone' });
  return ('removedAt' in result ? result.removedAt : undefined) ?? Number.NaN;
}

function put({
  url = OFFLINE,
  of = owner(),
  ...more
}: {
  readonly url?: string;
  readonly of?: Owner;
  readonly restore?: true;
  readonly sentAfter?: number;
} = {}): BackendOp {
  const ref = { mediaId: media(1), url, kind: 'image' } as const;
  return { type: 'ref.put', owner: of, ref, rank: 'a0', ...more };
}

function remove(): BackendOp {
  return { type: 'ref.delete', owner: owner(), mediaId: media(1) };
}

/** Locators of its live refs. */
function live(backend: ReturnType<typeof server>['backend']): readonly string[] {
  return backend
    .rows('ann')
    .filter(({ deletedAt }) => deletedAt === null)
    .map(({ ref }) => ref.url);
}
