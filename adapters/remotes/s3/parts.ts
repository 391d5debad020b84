import { systemClock } from '../../../ports/clock.ts';
import { LadingError } from '../../../ports/errors.ts';
import { heardAtMs } from '../transport/carried.ts';
import type { Transport } from '../transport/exchange.ts';
import { clockOffsetMs } from '../transport/expiry.ts';
import { FaultSignal, fault } from '../transport/faults.ts';
import { patiently } from '../transport/patience.ts';
import { downloadRules, positive } from '../transport/places.ts';
import { sender } from '../transport/sender.ts';
import { bucketOf } from './bucket.ts';
import { createClient, type SdkClient } from './client.ts';
import { loadS3 } from './load.ts';
import type { S3Credentials, S3Operation, S3RemoteOptions } from './options.ts';
import { SMALLEST_PART_BYTES } from './part-plan.ts';
import { HEADERS_LIFE_MS, LONGEST_LIFE_MS } from './presign.ts';
import { handlerOf, type S3Parts } from './send.ts';
import { classifyS3 } from './table.ts';

/** @throws {LadingError} `invalid_option`. */
export function checkedParts(options: S3RemoteOptions): S3Parts {
  const { credentials, sign, partSizeBytes = SMALLEST_PART_BYTES, partsAtOnce = 4 } = options;
  if ((credentials === undefined) === (sign === undefined)) {
    throw new LadingError('invalid_option', 'Give either `credentials` or `sign`.');
  }
  if (!(partSizeBytes >= SMALLEST_PART_BYTES)) {
    throw new LadingError('invalid_option', 'partSizeBytes must be 5 MiB or more.');
  }
  if (!Number.isInteger(partsAtOnce) || partsAtOnce < 1) {
    throw new LadingError('invalid_option', 'partsAtOnce must be a whole number, 1 or more.');
  }
  const { carriedForMs = HEADERS_LIFE_MS } = options;
  if (!(carriedForMs > 0 && carriedForMs <= LONGEST_LIFE_MS)) {
    throw new LadingError(
      'invalid_option',
      'carriedForMs must be more than 0, and 7 days at most.',
    );
  }
  return partsOf(options);
}

/** What every request of one remote shares. @throws {LadingError} `invalid_option`. */
export function partsOf(options: S3RemoteOptions): S3Parts {
  const bucket = bucketOf(options);
  const clock = options.clock ?? systemClock();
  let held = typeof options.credentials === 'object' ? options.credentials : null;
  let loading: Promise<SdkClient> | undefined;
  let client: SdkClient['client'] | undefined;

  const http: Transport<S3Operation> = {
    // Not bound once: an app may replace the global one later, for tests or tracing.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    send: sender(options.fetch),
    clock,
    stallMs: positive('stallMs', options.stallMs ?? 30_000),
    headers: async () => ({}),
    classify: (operation, answer) => parts.judge(operation, answer, clock.now()),
  };
  const parts: S3Parts = {
    options,
    bucket,
    http,
    origins: downloadRules(bucket.address, options).origins,
    sdk() {
      loading ??= open().catch((error: unknown) => {
        loading = undefined; // it may be installed, or its chunk may arrive, the next time
        throw error;
      });
      return loading;
    },
    judge(operation, answer, begunAtMs) {
      const knownMs = client?.config.systemClockOffset ?? 0;
      const begunMs = begunAtMs === undefined ? undefined : begunAtMs + knownMs;
      const atMs = heardAtMs(answer, clock.now() + knownMs, begunMs);
      const reason = classifyS3(operation, answer, atMs);
      // The server's clock is the one that counts (field case 43): what is signed from now on goes by it.
      const offset = clockOffsetMs(answer.headers, atMs);
      if (reason?.code === 'clock_skewed' && client !== undefined && offset !== undefined) {
        client.config.systemClockOffset = knownMs + offset;
      }
      return reason;
    },
    learnt: { refusesConditions: false, isKnown: false, wasCutOff: false },
    hold(next) {
      held = next;
    },
  };

  async function open(): Promise<SdkClient> {
    const sdk = await loadS3();
    const made = createClient(sdk, bucket, options, credentials, handlerOf(parts));
    client = made.client;
    return made;
  }

  async function credentials(): Promise<S3Credentials> {
    const { credentials: ask } = options;
    const given = typeof ask === 'function' ? await patiently(http, ask) : held;
    if (given !== null) return given;
    throw new FaultSignal(fault('auth', 'no_credentials', 'There are no credentials.'));
  }
  return parts;
}
