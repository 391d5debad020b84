import { describe, expect, it } from 'vitest';
import type { Fault, FaultClass, Receipt } from '../../machines/attachment/types.ts';
import { openGates, viewOf } from '../../machines/attachment/view.ts';
import { receiptOwner, remoteUrl } from '../../model-based-tests/support/cases.ts';
import { type Life, liveThrough } from '../support/attachment-life.ts';

const link = { type: 'ref.linked', owner: receiptOwner, rank: 'a0', isPrimary: false } as const;
const unlink = { type: 'ref.unlinked', owner: receiptOwner, reason: 'removed' } as const;
const undo = { type: 'ref.undone', owner: receiptOwner } as const;
const start = { type: 'upload.started' } as const;
const retry = { type: 'retry.requested' } as const;
const fault = (faultClass: FaultClass, more: Partial<Fault> = {}): Fault => ({
  ok: false,
  class: faultClass,
  code: `${faultClass}_1`,
  ...more,
});
const receipt = (url: string | null): { readonly ok: true; readonly receipt: Receipt } => ({
  ok: true,
  receipt: { url, token: 'etag-1', byteSize: 3 },
});

function uploading(...args: Parameters<typeof liveThrough>): Life {
  const life = liveThrough(...args);
  life.send(link);
  life.send(start);
  return life;
}

describe('an upload', () => {
  it('is claimed by a commit before the remote may be touched (contract 4.2)', () => {
    const life = liveThrough();
    life.send(link);
    expect(life.context.touched).toBe(false);
    life.send(start);
    expect(life.context.touched).toBe(true);
    expect(life.started.map(({ id }) => id)).toEqual(['upload']);
  });

  it('needs one commit less when its own answer proves the locator', () => {
    const life = uploading();
    life.answer('upload', receipt(remoteUrl));
    expect(life.facts.situation).toBe('uploaded');
    expect(life.context.url).toBe(remoteUrl);
  });

  it('repeats only the attach step once the receipt is in the log (contract 3.5, field case 21)', () => {
    const life = uploading();
    life.answer('upload', receipt(null));
    life.answer('attach', fault('retryable'));
    life.elapse();
    life.send(start);
    expect(life.facts.situation).toBe('attaching');
    expect(life.started.map(({ id }) => id)).toEqual(['upload', 'attach', 'attach']);
  });

  it('burns nothing while offline or interrupted (contract 4.4, field case 27)', () => {
    const life = uploading();
    for (let n = 0; n < 50; n += 1) {
      life.answer('upload', fault('offline'));
      life.send(start);
      life.send({ type: 'upload.interrupted', reason: 'offline' });
      life.send(start);
    }
    expect(life.facts).toMatchObject({ situation: 'uploading', attempts: 0, error: null });
  });

  it('waits as long as the remote asks, stored as a due time (contract 4.5)', () => {
    const life = uploading();
    life.answer('upload', fault('retryable', { retryAfterMs: 90_000 }));
    expect(life.facts).toMatchObject({ situation: 'waiting', until: life.now + 90_000 });
    const view = viewOf(life.facts, openGates);
    expect(view).toMatchObject({ state: 'local_only', waitingFor: 'backoff' });
  });

  it('fails, retryable, after ten burnt attempts, and a retry starts afresh (contract 4.5)', () => {
    const life = uploading();
    for (let attempt = 1; attempt < 10; attempt += 1) {
      life.answer('upload', fault('retryable'));
      expect(life.facts).toMatchObject({ situation: 'waiting', attempts: attempt });
      life.elapse();
      life.send(start);
    }
    life.answer('upload', fault('retryable'));
    expect(life.facts).toMatchObject({ situation: 'failed', attempts: 10 });
    expect(life.facts.error).toMatchObject({ code: 'retryable_1', retryable: true });
    life.send(retry);
    expect(life.facts).toMatchObject({ situation: 'queued', attempts: 0, error: null });
  });

  it('burns a first attempt, and no more, when it came further than ever before it broke (field case 37)', () => {
    const life = uploading({ policyChange: { patienceMs: 60_000 } });
    for (let attempt = 1; attempt < 30; attempt += 1) {
      life.answer('upload', { ...fault('retryable'), moved: true });
      expect(life.facts).toMatchObject({ situation: 'waiting', attempts: 1 });
      life.elapse();
      life.pass(30_000);
      life.send(start);
    }
    life.answer('upload', fault('retryable'));
    expect(life.facts).toMatchObject({ situation: 'waiting', attempts: 2 });
    life.elapse();
    life.send(start);
    life.answer('upload', { ...fault('auth'), moved: true });
    expect(life.facts).toMatchObject({ situation: 'awaitingCredentials', attempts: 0 });
  });

  it('fails when its first failure is older than the patience, however few the attempts', () => {
    const life = uploading({ policyChange: { patienceMs: 60_000 } });
    life.answer('upload', fault('retryable'));
    life.elapse();
    life.pass(60_000);
    life.send(start);
    life.answer('upload', fault('retryable'));
    expect(life.facts).toMatchObject({ situation: 'failed', attempts: 2 });
  });

  it('is not failed by age after a success or a retry made the first failure good', () => {
    const life = uploading({ policyChange: { patienceMs: 60_000 } });
    life.answer('upload', fault('retryable'));
    life.send(retry);
    life.pass(120_000);
    life.send(start);
    life.answer('upload', fault('retryable'));
    expect(life.facts.situation).toBe('waiting');
  });

  it('whose receipt never fits fails in the end, instead of being sent for ever', () => {
    const life = uploading();
    let sent = 0;
    for (; sent < 50 && life.running.has('upload'); sent += 1) {
      life.answer('upload', receipt(null));
      life.answer('attach', fault('mismatch'));
      if (life.facts.until !== null) life.elapse();
      life.send(start);
    }
    expect(life.facts.situation).toBe('failed');
    expect(sent).toBe(10);
  });

  it('keeps its resume data through refused credentials, and burns no attempt (field case 38)', () => {
    const life = uploading();
    life.send({ type: 'upload.opened', handle: 'https://tus.example/files/1' });
    life.answer('upload', fault('auth'));
    expect(life.facts).toMatchObject({ situation: 'awaitingCredentials', attempts: 0 });
    life.send({ type: 'credentials.changed' });
    life.send(start);
    expect(life.started.at(-1)?.input).toMatchObject({ handle: 'https://tus.example/files/1' });
  });

  it('fails alone after three refusals under ever newer credentials (contract 4.4)', () => {
    const life = uploading();
    for (let refusal = 1; refusal <= 2; refusal += 1) {
      life.answer('upload', fault('auth'));
      expect(life.facts.situation).toBe('awaitingCredentials');
      life.send({ type: 'credentials.changed' });
      life.send(start);
    }
    life.answer('upload', fault('auth'));
    expect(life.facts).toMatchObject({ situation: 'failed', attempts: 0 });
    expect(life.facts.error).toMatchObject({ class: 'auth', retryable: true });
  });

  it('is not failed by credentials that end again and again, and let it in before (field case 38)', () => {
    const life = uploading();
    for (let refusal = 1; refusal <= 5; refusal += 1) {
      life.answer('upload', { ...fault('auth'), moved: true });
      expect(life.facts.situation).toBe('awaitingCredentials');
      life.send({ type: 'credentials.changed' });
      life.send(start);
    }
    life.answer('upload', fault('auth'));
    life.send({ type: 'credentials.changed' });
    life.send(start);
    life.answer('upload', fault('auth'));
    expect(life.facts.situation).toBe('failed');
  });

  it('drops a lost session and begins again after a backoff (contract 4.4)', () => {
    const life = uploading();
    life.send({ type: 'upload.opened', handle: 'https://tus.example/files/1' });
    life.answer('upload', fault('resume_lost'));
    expect(life.facts).toMatchObject({ situation: 'waiting', attempts: 1 });
    life.elapse();
    life.send(start);
    expect(life.started.at(-1)?.input).toMatchObject({ handle: null });
  });

  it('that is refused for good keeps its bytes (contract 4.4)', () => {
    const life = uploading();
    life.answer('upload', fault('terminal', { code: 'too_large' }));
    const view = viewOf(life.facts, openGates);
    expect(view.error).toEqual({
      code: 'too_large',
      message: 'The server does not accept files of this size.',
      retryable: false,
    });
    expect(life.facts).toMatchObject({ local: 'present', bytes: true });
    expect(life.send({ type: 'evict.requested' })).toBe(false);
  });

  it('that crashes rests in failed, with a retry, and without the text of the error (contract 10.4)', () => {
    const life = uploading();
    life.crash('upload');
    expect(life.facts.error).toEqual({
      class: 'bug',
      code: 'internal_error',
      message: null,
      retryable: true,
    });
    expect(life.send(retry)).toBe(true);
  });

  it('is stopped by release, and never comes back by a late success (contract 5.2, field case 47)', () => {
    const life = uploading();
    life.send({ type: 'upload.opened', handle: 'https://tus.example/files/1' });
    life.send(unlink);
    expect([...life.running]).toEqual([]);
    expect(life.answer('upload', receipt(remoteUrl))).toBe(false);
    life.send(undo);
    expect(life.facts.situation).toBe('queued');
    expect(life.context.handle).toBe('https://tus.example/files/1');
  });

  it('does not start while paused, and says so', () => {
    const life = uploading();
    life.send({ type: 'held' });
    expect(life.send(start)).toBe(false);
    expect(life.send({ type: 'held' })).toBe(false);
    expect(viewOf(life.facts, openGates)).toMatchObject({
      state: 'local_only',
      waitingFor: 'resume',
    });
    life.send({ type: 'resumed' });
    expect(life.send(start)).toBe(true);
  });
});

describe('what the backend and other devices tell', () => {
  it('a refusal fails with its reason, and a retry offers the ref again (contract 3.5)', () => {
    const life = uploading();
    life.answer('upload', receipt(remoteUrl));
    life.send({ type: 'backend.refused', code: 'gone_entity', message: 'No such receipt.' });
    const view = viewOf(life.facts, openGates);
    expect(view.error).toMatchObject({ code: 'gone_entity', message: 'No such receipt.' });
    life.send(retry);
    expect(life.facts).toMatchObject({ situation: 'uploaded', error: null });
  });

  it('one from elsewhere waits for its author, never as failed (contract 1, field case 50)', () => {
    const life = liveThrough({ origin: 'elsewhere', blobKey: null });
    life.send({ type: 'ref.synced', owner: receiptOwner, rank: 'a0', isPrimary: false });
    expect(viewOf(life.facts, openGates)).toMatchObject({
      state: 'local_only',
      waitingFor: 'author',
    });
    expect(life.send({ type: 'read.requested' })).toBe(false);
    life.send({ type: 'remote.located', url: remoteUrl });
    expect(life.facts).toMatchObject({ situation: 'uploaded', local: 'evicted' });
  });

  it('an object that the remote lost is sent again from the bytes that are here (field case 57)', () => {
    const life = uploading();
    life.answer('upload', receipt(remoteUrl));
    life.send({ type: 'remote.missing' });
    expect(life.facts.situation).toBe('queued');
    expect(life.context).toMatchObject({ url: null, receipt: null, handle: null });
  });
});

describe('removal from the remote (contract 5.2)', () => {
  it('never happens for what was never sent', () => {
    const life = liveThrough();
    life.send(link);
    life.send({ type: 'cancelled' });
    life.answer('purge', { ok: true });
    expect(life.done).toBe(true);
    expect(life.started.map(({ id }) => id)).toEqual(['purge']);
  });

  it('looks twice, the second time when no request can be under way any more', () => {
    const life = uploading();
    life.send({ type: 'cancelled' });
    life.answer('purge', { ok: true });
    life.answer('removeRemote', { ok: true });
    expect(life.facts).toMatchObject({ situation: 'settling', until: life.now + 15 * 60_000 });
    expect(life.elapse()).toBe('lateArrival');
    life.answer('removeRemote', fault('absent'));
    expect(life.done).toBe(true);
  });

  it('is left to the backend once the object was attached, even when it was lost in between', () => {
    const life = uploading();
    life.answer('upload', receipt(remoteUrl));
    life.send({ type: 'remote.missing' });
    life.send(start);
    life.send({ type: 'cancelled' });
    expect(life.started.map(({ id }) => id)).toEqual(['upload', 'upload', 'purge']);
  });

  it('counts no try while offline, and rests as a leftover when it is refused', () => {
    const life = uploading();
    life.send({ type: 'cancelled' });
    for (let n = 0; n < 30; n += 1) {
      life.answer('removeRemote', fault('offline'));
      expect(life.facts).toMatchObject({ situation: 'removeWaiting', until: life.now + 60_000 });
      life.elapse();
    }
    life.answer('removeRemote', fault('terminal'));
    expect(viewOf(life.facts, openGates)).toMatchObject({ state: 'gone', waitingFor: 'retry' });
    expect(life.send(retry)).toBe(true);
    expect([...life.running]).toEqual(['purge', 'removeRemote']);
  });
});
