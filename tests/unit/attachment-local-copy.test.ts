import { describe, expect, it } from 'vitest';
import type { Fault, FaultClass } from '../../machines/attachment/types.ts';
import { openGates, viewOf } from '../../machines/attachment/view.ts';
import { receiptOwner, remoteUrl } from '../../model-based-tests/support/cases.ts';
import { type Life, liveThrough } from '../support/attachment-life.ts';

const fault = (faultClass: FaultClass): Fault => ({
  ok: false,
  class: faultClass,
  code: `${faultClass}_1`,
});
const evict = { type: 'evict.requested' } as const;
const read = { type: 'read.requested' } as const;
const fetched = { ok: true, blobKey: 'blobs/01/fresh.bin' } as const;

function uploaded(...args: Parameters<typeof liveThrough>): Life {
  const life = liveThrough(...args);
  life.send({ type: 'ref.linked', owner: receiptOwner, rank: 'a0', isPrimary: false });
  life.send({ type: 'upload.started' });
  life.answer('upload', { ok: true, receipt: { url: remoteUrl, token: null, byteSize: 3 } });
  return life;
}

function evicted(...args: Parameters<typeof liveThrough>): Life {
  const life = uploaded(...args);
  life.send(evict);
  life.answer('evict', { ok: true });
  return life;
}

describe('the bounded cache (contract 6)', () => {
  it('never evicts what is not uploaded, or pinned', () => {
    const life = liveThrough();
    expect(life.send(evict)).toBe(false);
    const pinned = uploaded();
    pinned.send({ type: 'pinned' });
    expect(pinned.send(evict)).toBe(false);
    pinned.send({ type: 'unpinned' });
    expect(pinned.send(evict)).toBe(true);
  });

  it('never evicts what has failed, though the remote may hold it (field case 58)', () => {
    const life = uploaded();
    life.send({ type: 'backend.refused', code: 'refused', message: '' });
    expect(life.send(evict)).toBe(false);
  });

  it('drops bytes as soon as they are remote where the field says so', () => {
    expect(uploaded({ policyChange: { dropLocalAtOnce: true } }).facts.local).toBe('evicting');
  });

  it('does not abort an eviction that began: a read or a pin meanwhile downloads again', () => {
    for (const event of [read, { type: 'pinned' } as const]) {
      const life = uploaded();
      life.send(evict);
      life.send(event);
      expect([...life.running]).toEqual(['evict']);
      life.answer('evict', { ok: true });
      expect([...life.running]).toEqual(['download']);
    }
  });

  it('leaves bytes alone that a reader holds, ever longer while they stay busy', () => {
    const life = uploaded({ policyChange: { dropLocalAtOnce: true } });
    const waits: number[] = [];
    for (let n = 0; n < 4; n += 1) {
      const before = life.now;
      life.answer('evict', fault('busy'));
      expect(life.facts).toMatchObject({ local: 'inUse', bytes: true });
      life.elapse();
      waits.push(life.now - before);
    }
    expect(waits).toEqual([60_000, 120_000, 240_000, 480_000]);
  });
});

describe('reading evicted bytes (contract 3.6)', () => {
  it('fetches them from the locator, and keeps them for a while', () => {
    const life = evicted({ policyChange: { dropLocalAtOnce: false } });
    life.send(read);
    expect(life.started.at(-1)).toMatchObject({ id: 'download', input: { url: remoteUrl } });
    life.answer('download', fetched);
    expect(life.facts).toMatchObject({ local: 'inUse', bytes: true });
    expect(life.context).toMatchObject({ blobKey: 'blobs/01/fresh.bin', wanted: false });
    expect(life.send(evict)).toBe(false);
    life.elapse();
    expect(life.send(evict)).toBe(true);
  });

  it('counts no try while offline, and gives up in the end on an error', () => {
    const life = evicted();
    life.send(read);
    for (let n = 0; n < 30; n += 1) {
      life.answer('download', fault('offline'));
      life.elapse();
    }
    for (let n = 0; n < 9; n += 1) {
      life.answer('download', fault('retryable'));
      expect(life.facts.local).toBe('downloadWaiting');
      life.elapse();
    }
    life.answer('download', fault('retryable'));
    expect(life.facts).toMatchObject({ local: 'evicted', situation: 'uploaded' });
    expect(life.facts.localError).toMatchObject({ code: 'retryable_1' });
    expect(life.send(read)).toBe(true);
  });

  it('logs one event however often it is read while it waits (field case 32)', () => {
    const life = evicted();
    life.send(read);
    expect(life.send(read)).toBe(false);
    life.answer('download', fault('offline'));
    expect(life.send(read)).toBe(false);
  });

  it('that neither side has shows as failed, and a retry asks the remote again (field case 57)', () => {
    const life = evicted();
    life.send(read);
    life.answer('download', fault('absent'));
    expect(viewOf(life.facts, openGates)).toMatchObject({
      state: 'failed',
      error: { code: 'remote_missing', retryable: true },
    });
    life.send({ type: 'retry.requested' });
    expect(life.facts).toMatchObject({ situation: 'uploaded', local: 'downloading' });
    life.answer('download', fault('absent'));
    expect(life.facts.situation).toBe('failed');
    life.send({ type: 'retry.requested' });
    life.answer('download', fetched);
    expect(life.facts).toMatchObject({ situation: 'uploaded', error: null, bytes: true });
  });
});

describe('bytes that are not where they should be', () => {
  it('fail the upload as a missing source, and queue it when they turn up (field case 14)', () => {
    const life = liveThrough();
    life.send({ type: 'ref.linked', owner: receiptOwner, rank: 'a0', isPrimary: false });
    life.send({ type: 'bytes.missing' });
    expect(viewOf(life.facts, openGates)).toMatchObject({
      state: 'failed',
      waitingFor: 'bytes',
      error: { code: 'source_missing', retryable: false },
    });
    expect(life.send({ type: 'retry.requested' })).toBe(false);
    life.send({ type: 'bytes.found' });
    expect(life.facts).toMatchObject({ situation: 'queued', error: null });
  });

  it('do not spin: an upload that says its source is missing stays failed until asked (field case 30)', () => {
    const life = liveThrough();
    life.send({ type: 'ref.linked', owner: receiptOwner, rank: 'a0', isPrimary: false });
    life.send({ type: 'upload.started' });
    life.answer('upload', { ok: false, class: 'terminal', code: 'source_missing' });
    expect(life.facts.situation).toBe('failed');
  });

  it('are fetched again when pinned, else when read', () => {
    const life = uploaded();
    life.send({ type: 'bytes.missing' });
    expect(life.facts.local).toBe('evicted');
    const pinned = uploaded();
    pinned.send({ type: 'pinned' });
    pinned.send({ type: 'bytes.missing' });
    expect(pinned.facts.local).toBe('downloading');
  });
});

describe('the purge (contract 5)', () => {
  it('never gives up, and slows down to about a try an hour', () => {
    const life = liveThrough({}, { jitter: 0.999 });
    life.send({ type: 'cancelled' });
    for (let n = 0; n < 30; n += 1) {
      life.answer('purge', fault('retryable'));
      expect(life.facts.situation).toBe('purgeWaiting');
      const before = life.now;
      life.elapse();
      expect(life.now - before).toBeLessThanOrEqual(3_600_000);
    }
    life.crash('purge');
    expect((life.facts.until ?? 0) - life.now).toBeGreaterThan(3_000_000);
    life.elapse();
    life.answer('purge', { ok: true });
    expect(life.done).toBe(true);
  });
});
