import {
  type BatchCallback,
  type InstrumentOptions,
  instruments,
  observeWith,
} from 'lading/telemetry';
import { describe, expect, it } from 'vitest';
import { captureMany, gate, image, picture, pictureBytes, world } from '../support/lading-world.ts';

const busy = { ok: false, class: 'retryable', code: 'http_503' } as const;
const refused = { ok: false, class: 'terminal', code: 'too_large' } as const;

describe('lading.metrics', () => {
  it('begins at nothing', async () => {
    const phone = world();
    const lading = await phone.open();
    const { now, process, total } = lading.metrics();
    expect(Object.values(now.jobs).every((count) => count === 0)).toBe(true);
    expect(now).toMatchObject({
      waitingFor: {},
      oldestWaitingMs: null,
      usedBytes: 0,
      evictableBytes: 0,
      files: 0,
      pendingBytes: 0,
      outboxOps: 0,
    });
    expect(process).toEqual({
      uploadsUnderWay: 0,
      uploadSlots: 3,
      uploadLimit: 3,
      services: 0,
      inMemory: 0,
    });
    expect({ ...total, commits: 0 }).toEqual({
      captured: 0,
      attempts: 0,
      uploaded: 0,
      uploadedBytes: 0,
      failures: {},
      gaveUp: 0,
      retries: 0,
      events: 0,
      commits: 0,
    });
  });

  it('says how many wait, for what, how long, and how many bytes', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    const [first = ''] = await captureMany(phone, lading, 3);
    await phone.pass(7_000);
    await phone.until(lading.pause(first));
    const { now } = lading.metrics();
    expect(now.jobs).toMatchObject({ queued: 2, held: 1, uploading: 0 });
    expect(now.waitingFor).toEqual({ network: 2, resume: 1 });
    expect(now.oldestWaitingMs).toBe(7_000);
    expect(now.usedBytes).toBe(3 * pictureBytes('picture 0').byteLength);
    expect(now.pendingBytes).toBe(now.usedBytes);
    expect(now.files).toBe(3);
    expect(now.outboxOps).toBe(3);
    expect(lading.metrics().total).toMatchObject({ captured: 3, attempts: 0 });
  });

  it('counts attempts, failures by code, what was given up, retries and bytes that arrived', async () => {
    const phone = world({
      script: ({ operation, nth, objectKey }) => {
        if (operation !== 'upload') return undefined;
        if (objectKey.endsWith(refusedId)) return { fault: refused };
        return nth === 1 ? { fault: busy } : undefined;
      },
    });
    const lading = await phone.open();
    const refusedId = lading.newMediaId();
    await phone.until(lading.capture(picture('abcdef'), image()));
    await phone.pass(120_000);
    await phone.until(lading.capture(picture(), image('item.images', { id: refusedId })));
    await phone.pass();
    await phone.until(lading.retry(refusedId));
    await phone.pass();
    const { now, total } = lading.metrics();
    expect(total).toMatchObject({
      captured: 2,
      attempts: 4,
      uploaded: 1,
      uploadedBytes: pictureBytes('abcdef').byteLength,
      failures: { http_503: 1, too_large: 2 },
      gaveUp: 2,
      retries: 1,
    });
    expect(now.jobs.failed).toBe(1);
    expect(now.waitingFor).toEqual({ retry: 1 });
    expect(total.events).toBe(phone.rows('SELECT * FROM lading_event').length);
    expect(total.commits).toBeGreaterThan(0);
    expect(total.commits).toBeLessThanOrEqual(total.events);
  });

  it('keeps its gauges over a restart, and begins to count anew', async () => {
    const phone = world({ online: false });
    const first = await phone.open();
    await captureMany(phone, first, 2);
    const before = first.metrics().now;
    phone.kill();
    const second = await phone.open();
    expect(second.metrics().now).toEqual(before);
    expect(second.metrics().total).toMatchObject({ captured: 0, events: 0 });
  });

  it('counts uploads under way', async () => {
    const held = gate();
    const phone = world({ script: () => ({ after: held.promise }) });
    const lading = await phone.open();
    await captureMany(phone, lading, 5);
    await phone.pass();
    const { now, process } = lading.metrics();
    expect(process).toMatchObject({ uploadsUnderWay: 3, services: 3 });
    expect(now.jobs).toMatchObject({ uploading: 3, queued: 2 });
    expect(now.waitingFor).toEqual({ slot: 2 });
    held.open();
    await phone.until(lading.settled());
  });

  it('takes no code that is none, and never more than a hundred', async () => {
    const codes = Array.from({ length: 120 }, (_, index) => `code_${index}`);
    let at = 0;
    const phone = world({
      script: ({ operation }) =>
        operation === 'upload'
          ? { fault: { ok: false, class: 'terminal', code: codes[at++] ?? 'Bearer canary/secret' } }
          : undefined,
    });
    const lading = await phone.open();
    await captureMany(phone, lading, 130);
    await phone.until(lading.settled());
    const { failures } = lading.metrics().total;
    expect(Object.keys(failures)).toHaveLength(101);
    expect(failures['other']).toBe(30);
    expect(JSON.stringify(failures)).not.toContain('canary');
  });
});

describe('lading/telemetry', () => {
  it('gives OpenTelemetry instruments: names of their own, UCUM units, a reading of each', async () => {
    const phone = world({ online: false });
    const lading = await phone.open();
    await captureMany(phone, lading, 2);
    const made: (InstrumentOptions & { readonly name: string })[] = [];
    const make = (name: string, options: InstrumentOptions) => {
      const instrument = { name, ...options };
      made.push(instrument);
      return instrument;
    };
    const callbacks = new Set<BatchCallback<(typeof made)[number]>>();
    const stop = observeWith(
      {
        createObservableGauge: make,
        createObservableCounter: make,
        addBatchObservableCallback: (callback) => void callbacks.add(callback),
        removeBatchObservableCallback: (callback) => void callbacks.delete(callback),
      },
      lading,
    );
    const read = (): readonly string[] => {
      const lines: string[] = [];
      for (const callback of callbacks) {
        callback({
          observe: ({ name }, value, attributes) =>
            void lines.push([name, value, ...Object.values(attributes ?? {})].join(' ')),
        });
      }
      return lines;
    };
    expect(read()).toEqual(
      expect.arrayContaining([
        'lading.uploads.queued 2 queued',
        'lading.uploads.waiting 2 network',
        `lading.uploads.pending ${2 * pictureBytes('picture 0').byteLength}`,
        'lading.captures 2',
        'lading.outbox.ops 2',
      ]),
    );
    const silent = new Set(['lading.uploads.failures']);
    const seen = new Set(read().map((line) => line.split(' ')[0]));
    expect(made.map(({ name }) => name)).toEqual(Object.keys(instruments));
    expect(made.filter(({ name }) => !seen.has(name) && !silent.has(name))).toEqual([]);
    const units = /^(s|By|\{[a-z]+\})$/;
    expect(
      made.filter(({ unit, name }) => !units.test(unit) || !/^lading(\.[a-z_]+)+$/.test(name)),
    ).toEqual([]);
    stop();
    expect(read()).toEqual([]);
  });
});
