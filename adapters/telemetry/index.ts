/**
 * `lading/telemetry`: the numbers of `lading.metrics()` as OpenTelemetry instruments. It needs no package: any meter
 * that looks like one of `@opentelemetry/api` will do.
 */
import type { Cancel } from '../../ports/clock.ts';
import type { Metrics } from '../../ports/metrics.ts';

/** The part of an OpenTelemetry meter that is used. */
export interface MeterLike<Instrument> {
  createObservableGauge(name: string, options: InstrumentOptions): Instrument;
  createObservableCounter(name: string, options: InstrumentOptions): Instrument;
  addBatchObservableCallback(callback: BatchCallback<Instrument>, all: Instrument[]): void;
  removeBatchObservableCallback(callback: BatchCallback<Instrument>, all: Instrument[]): void;
}

export interface InstrumentOptions {
  /** UCUM. */
  readonly unit: string;
  readonly description: string;
}

export type BatchCallback<Instrument> = (result: {
  observe(instrument: Instrument, value: number, attributes?: Record<string, string>): void;
}) => void;

/** One observation of an instrument. */
export interface Reading {
  readonly value: number;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** One instrument: its name never changes its meaning. */
export interface InstrumentSpec extends InstrumentOptions {
  readonly kind: 'gauge' | 'counter';
  readonly read: (metrics: Metrics) => readonly Reading[];
}

const one = (value: number): readonly Reading[] => [{ value }];
const each =
  (name: string) =>
  (counts: Readonly<Record<string, number>>): readonly Reading[] =>
    Object.entries(counts).map(([key, value]) => ({ value, attributes: { [name]: key } }));

/** All instruments by name. Gauges are of the account on this device, counters of this process since it opened. */
export const instruments: Readonly<Record<string, InstrumentSpec>> = {
  'lading.uploads.queued': {
    kind: 'gauge',
    unit: '{upload}',
    description: 'Uploads that are not done, by where they stand.',
    read: ({ now }) => each('lading.situation')(now.jobs),
  },
  'lading.uploads.waiting': {
    kind: 'gauge',
    unit: '{upload}',
    description: 'Uploads that wait, by what for.',
    read: ({ now }) => each('lading.waiting_for')(now.waitingFor),
  },
  'lading.uploads.oldest': {
    kind: 'gauge',
    unit: 's',
    description:
      'How long the oldest upload that is not done has stood where it stands; 0 for none.',
    read: ({ now }) => one((now.oldestWaitingMs ?? 0) / 1_000),
  },
  'lading.uploads.pending': {
    kind: 'gauge',
    unit: 'By',
    description: 'Bytes of uploads that are not done.',
    read: ({ now }) => one(now.pendingBytes),
  },
  'lading.uploads.active': {
    kind: 'gauge',
    unit: '{upload}',
    description: 'Uploads under way in this process.',
    read: ({ process }) => one(process.uploadsUnderWay),
  },
  'lading.storage.used': {
    kind: 'gauge',
    unit: 'By',
    description: 'Bytes of attachments on this device.',
    read: ({ now }) => one(now.usedBytes),
  },
  'lading.storage.files': {
    kind: 'gauge',
    unit: '{file}',
    description: 'Files of attachments on this device.',
    read: ({ now }) => one(now.files),
  },
  'lading.storage.evictable': {
    kind: 'gauge',
    unit: 'By',
    description: 'Of the bytes on this device, those that could be evicted now.',
    read: ({ now }) => one(now.evictableBytes),
  },
  'lading.outbox.ops': {
    kind: 'gauge',
    unit: '{op}',
    description: 'Ops that the backend has not acknowledged.',
    read: ({ now }) => one(now.outboxOps),
  },
  'lading.captures': {
    kind: 'counter',
    unit: '{attachment}',
    description: 'Attachments captured.',
    read: ({ total }) => one(total.captured),
  },
  'lading.uploads.attempts': {
    kind: 'counter',
    unit: '{attempt}',
    description: 'Uploads begun.',
    read: ({ total }) => one(total.attempts),
  },
  'lading.uploads.failures': {
    kind: 'counter',
    unit: '{attempt}',
    description: 'Attempts that failed, by code.',
    read: ({ total }) => each('error.type')(total.failures),
  },
  'lading.uploads.completed': {
    kind: 'counter',
    unit: '{upload}',
    description: 'Uploads that the remote confirmed.',
    read: ({ total }) => one(total.uploaded),
  },
  'lading.uploads.io': {
    kind: 'counter',
    unit: 'By',
    description: 'Bytes of uploads that the remote confirmed.',
    read: ({ total }) => one(total.uploadedBytes),
  },
  'lading.uploads.given_up': {
    kind: 'counter',
    unit: '{upload}',
    description: 'Uploads that ended as failed.',
    read: ({ total }) => one(total.gaveUp),
  },
  'lading.uploads.retries': {
    kind: 'counter',
    unit: '{retry}',
    description: 'Retries that were asked for.',
    read: ({ total }) => one(total.retries),
  },
  'lading.log.events': {
    kind: 'counter',
    unit: '{event}',
    description: 'Events appended.',
    read: ({ total }) => one(total.events),
  },
  'lading.log.commits': {
    kind: 'counter',
    unit: '{commit}',
    description: 'Commits that appended events.',
    read: ({ total }) => one(total.commits),
  },
};

/**
 * Registers {@link instruments} with a meter; it reads when the meter collects, and costs nothing between.
 * @returns what takes them off again; call it before `lading.close()`.
 */
export function observeWith<Instrument>(
  meter: MeterLike<Instrument>,
  lading: { metrics(): Metrics },
): Cancel {
  const made = Object.entries(instruments).map(([name, { kind, unit, description, read }]) => {
    const options = { unit, description };
    const instrument =
      kind === 'gauge'
        ? meter.createObservableGauge(name, options)
        : meter.createObservableCounter(name, options);
    return { instrument, read };
  });
  const all = made.map(({ instrument }) => instrument);
  const callback: BatchCallback<Instrument> = (result) => {
    const metrics = lading.metrics();
    for (const { instrument, read } of made) {
      for (const { value, attributes } of read(metrics)) {
        result.observe(instrument, value, { ...attributes });
      }
    }
  };
  meter.addBatchObservableCallback(callback, all);
  return () => meter.removeBatchObservableCallback(callback, all);
}
