import { describe, expect, it } from 'vitest';
import { sentenceOf } from '../../machines/attachment/sentences.ts';
import { type Gates, openGates, viewOf, type WaitingFor } from '../../machines/attachment/view.ts';
import { receiptOwner } from '../../model-based-tests/support/cases.ts';
import { BIRTH, liveThrough } from '../support/attachment-life.ts';

function queued() {
  const life = liveThrough();
  life.pass(5_000);
  life.send({ type: 'ref.linked', owner: receiptOwner, rank: 'a0', isPrimary: false });
  return life;
}

describe('what a screen shows (contract 2)', () => {
  it('is uploading while nothing stops it, with the time it was queued', () => {
    expect(viewOf(queued().facts, openGates)).toEqual({ state: 'uploading', since: BIRTH + 5_000 });
  });

  it('names the gate that people can do most about, when several are closed', () => {
    const facts = { ...queued().facts, unmetered: true as const };
    const closing: readonly (readonly [WaitingFor, Partial<Gates>])[] = [
      ['slot', { slotFree: false }],
      ['remote', { breakerOpen: true }],
      ['unmetered_network', { networkPolicyOk: false }],
      ['network', { online: false }],
      ['account', { accountActive: false }],
      ['resume', { paused: true }],
    ];
    for (const [index, [waitingFor]] of closing.entries()) {
      const closed = closing.slice(0, index + 1).map(([, gate]) => gate);
      const gates: Gates = Object.assign({}, openGates, ...closed);
      expect(viewOf(facts, gates)).toMatchObject({ state: 'local_only', waitingFor });
    }
  });

  it('names a gate that is closed, whichever are, and shows as uploading only when none is', () => {
    const base = queued().facts;
    const closers: readonly (readonly [WaitingFor, Partial<Gates>])[] = [
      ['retry', { isBroken: true }],
      ['resume', { paused: true }],
      ['account', { accountActive: false }],
      ['network', { online: false }],
      ['unmetered_network', { networkPolicyOk: false }],
      ['credentials', { credentialsOk: false }],
      ['remote', { breakerOpen: true, breakerUntil: 99 }],
      ['slot', { slotFree: false }],
    ];
    let combinations = 0;
    for (let bits = 0; bits < 2 ** closers.length; bits++) {
      const closed = closers.filter((_, index) => (bits & (1 << index)) !== 0);
      const gates: Gates = Object.assign({}, openGates, ...closed.map(([, gate]) => gate));
      for (const unmetered of [false, true]) {
        for (const held of [false, true]) {
          const facts = { ...base, held, ...(unmetered ? { unmetered: true as const } : {}) };
          const inTheWay = [
            ...(held ? ['resume'] : []),
            ...closed
              .map(([name]) => name)
              .filter((name) => unmetered || name !== 'unmetered_network'),
          ];
          const { state, waitingFor, until } = viewOf(facts, gates);
          expect(state).toBe(inTheWay.length === 0 ? 'uploading' : 'local_only');
          expect(inTheWay.length === 0 ? [undefined] : inTheWay).toContain(waitingFor);
          expect(until).toBe(waitingFor === 'remote' ? 99 : undefined);
          combinations += 1;
        }
      }
    }
    expect(combinations).toBe(1_024);
  });

  it('knows no end of a pause, also of one that waits for its next try', () => {
    const facts = { ...queued().facts, situation: 'waiting', until: BIRTH + 60_000 } as const;
    expect(viewOf(facts, openGates)).toMatchObject({
      waitingFor: 'backoff',
      until: BIRTH + 60_000,
    });
    const paused = viewOf({ ...facts, held: true }, openGates);
    expect(paused.waitingFor).toBe('resume');
    expect(paused.until).toBeUndefined();
  });

  it('names a metered link only to what its field keeps to unmetered ones (contract 3.4)', () => {
    const { facts } = queued();
    const metered = { ...openGates, networkPolicyOk: false };
    expect(viewOf(facts, metered).state).toBe('uploading');
    expect(viewOf({ ...facts, unmetered: true }, metered)).toMatchObject({
      state: 'local_only',
      waitingFor: 'unmetered_network',
    });
  });

  it('does not call a running upload waiting for the slot that it holds', () => {
    const life = queued();
    life.send({ type: 'upload.started' });
    expect(viewOf(life.facts, { ...openGates, slotFree: false }).state).toBe('uploading');
  });

  it('says until when a draft lives and an undo lasts', () => {
    const life = liveThrough();
    expect(viewOf(life.facts, openGates)).toEqual({
      state: 'local_only',
      waitingFor: 'link',
      since: BIRTH,
      until: BIRTH + 24 * 3_600_000,
    });
    life.send({ type: 'ref.linked', owner: receiptOwner, rank: 'a0', isPrimary: false });
    life.pass(1_000);
    life.send({ type: 'ref.unlinked', owner: receiptOwner, reason: 'removed' });
    expect(viewOf(life.facts, openGates)).toEqual({
      state: 'gone',
      waitingFor: 'undo',
      since: BIRTH + 1_000,
      until: BIRTH + 31_000,
    });
  });

  it('has a sentence for every error, also for codes that it does not know', () => {
    const message = null;
    expect(sentenceOf({ class: 'terminal', code: 'too_large', message })).toMatch(/size/);
    expect(sentenceOf({ class: 'terminal', code: 'teapot', message })).toBe(
      'The server refused this file.',
    );
    expect(sentenceOf({ class: 'backend', code: 'x', message: '' })).toMatch(/did not accept/);
    expect(sentenceOf({ class: 'retryable', code: 'toString', message })).toMatch(/try again/);
  });
});
