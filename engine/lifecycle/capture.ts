import type { AttachmentInput, MediaId, Owner } from '../../machines/attachment/types.ts';
import { ownerKey } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { BlobKey, BlobStore, WrittenBlob } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { Guardrails } from '../guardrails/guardrails.ts';
import type { Reservation } from '../guardrails/reservations.ts';
import type { Say } from '../guardrails/sentences.ts';
import type { Host } from '../host/host.ts';
import type { Work } from '../host/work.ts';
import type { Inspected } from '../intake/index.ts';
import { type AppWrite, runAppWrite } from './app-write.ts';
import { asStream } from './as-stream.ts';
import { captureAborted } from './capture-aborted.ts';
import { requireRoom } from './field-rules.ts';
import type { FieldRegistry } from './fields.ts';
import { ATTACHMENT } from './hosted.ts';
import { link } from './lists.ts';
import {
  type CaptureFile,
  idTaken,
  type PreparedCapture,
  prepareCapture,
  requireSize,
  tooLarge,
} from './prepare-capture.ts';
import { ofFile, tellWhich, whichFile } from './which-file.ts';

/** What is common to the files of one capture. */
export interface CaptureAllOptions {
  readonly owner: Owner;
  /** Do not link and do not upload before `link` (contract 3.3). Default false. */
  readonly draft?: boolean;
  /** Aborts until the commit; nothing is left then. */
  readonly signal?: AbortSignal;
  /** Writes the app's own rows in the same commit. */
  readonly inTransaction?: AppWrite;
}

export interface CaptureOptions extends CaptureAllOptions, Omit<CaptureFile, 'source'> {}

export interface CaptureParts {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly blobs: BlobStore;
  readonly fields: FieldRegistry;
  readonly guardrails: Pick<Guardrails, 'reserve'>;
  readonly accountId: string;
  readonly clock: Clock;
  /** The user's sentences, translated. */
  readonly say: Say;
  /** Aborted when Lading closes. */
  readonly ending: AbortSignal;
  /** Looks at files before a byte is stored; loaded when the first one comes. */
  intake(): Promise<Intake>;
  newMediaId(): MediaId;
  newBlobKey(accountId: string): BlobKey;
}

type Intake = Pick<typeof import('../intake/index.ts'), 'inspect'>;

interface Stored {
  readonly prepared: PreparedCapture;
  readonly blobKey: BlobKey;
  readonly written: WrittenBlob;
}

/** Captures files of one owner: all of them, or none; links them in their order, unless they are drafts. */
export async function captureAll(
  parts: CaptureParts,
  files: readonly CaptureFile[],
  options: CaptureAllOptions,
): Promise<readonly MediaId[]> {
  const { owner } = options;
  if (!Array.isArray(files)) {
    throw new LadingError('invalid_option', 'captureAll takes an array of files.', {
      details: { name: 'files' },
    });
  }
  const prepared = files.map((file, index) => prepareCapture(parts, owner, file, index));
  const ids = prepared.map(({ mediaId }) => mediaId);
  for (const [index, one] of prepared.entries()) {
    if (ids.indexOf(one.mediaId) !== index) {
      throw ofFile(whichFile(one, index), idTaken(one.mediaId));
    }
  }
  const [first] = prepared;
  if (first === undefined) return [];
  // Checked again in the commit: this one spares the bytes (field case 70). Drafts are in no list yet, but a batch
  // that no list of the field could take is refused as one (contract 3.1).
  const present = options.draft === true ? 0 : countRefs(parts, owner);
  // The first that has no room is the one to speak of.
  const full = Math.max(0, first.field.maxCount - present);
  tellWhich(whichFile(prepared[full] ?? first, full), () =>
    requireRoom(first.field, present, prepared.length),
  );
  await storeAndCommit(parts, prepared, options.signal, (work, create) => {
    for (const [index, one] of prepared.entries()) {
      const { mediaId, field, kind } = one;
      create(mediaId);
      if (options.draft === true) continue;
      tellWhich(whichFile(one, index), () =>
        link(work, parts.tables, field, owner, mediaId, { isImage: kind === 'image' }),
      );
    }
    runAppWrite(work, options.inTransaction);
  });
  return ids;
}

/**
 * Stores the bytes, then commits what `decide` does with them. Durable on return; when anything throws before the
 * commit, the bytes are removed again (contract 3.2).
 */
export async function storeAndCommit<T>(
  parts: CaptureParts,
  prepared: readonly PreparedCapture[],
  userSignal: AbortSignal | undefined,
  decide: (work: Work, create: (mediaId: MediaId) => void) => T,
): Promise<T> {
  const { blobs, ending, host } = parts;
  const signal = userSignal === undefined ? ending : AbortSignal.any([userSignal, ending]);
  const stored: Stored[] = [];
  let room: Reservation | undefined;
  try {
    const inspected = await inspectAll(parts, prepared, signal);
    // Before a byte is written, for all of them together (contract 7.3).
    room = await parts.guardrails.reserve(
      prepared.map(({ mediaId, source }) => ({ mediaId, sizeBytes: source.sizeBytes })),
      prepared[0]?.field.guardrails ?? 'always',
      signal,
    );
    for (const [index, one] of inspected.entries()) {
      stored.push(await store(parts, one, index, signal, room));
    }
    const taken = new Set<Stored>();
    const result = await host.transact((work) => {
      signal.throwIfAborted();
      taken.clear(); // a commit that found the database busy decides again
      const decided = decide(work, (mediaId) => {
        const one = stored.find(({ prepared: { mediaId: id } }) => id === mediaId);
        if (one === undefined) throw new Error(`${mediaId} was not stored`);
        taken.add(one);
        const input = plainInput(parts, one);
        if (work.peek(asStream(mediaId)) === undefined) {
          work.create(asStream(mediaId), ATTACHMENT, input);
        } else {
          giveBytes(work, input);
        }
      });
      room?.confirm(work.tx);
      return decided;
    });
    // An import may find at its commit that somebody else brought the bytes, or that nobody wants them any more.
    for (const one of stored) if (!taken.has(one)) await blobs.remove(one.blobKey).catch(() => {});
    return result;
  } catch (error) {
    for (const one of stored) await removeUnlessCommitted(parts, one, error);
    throw asCaptureError(error, prepared, signal, ending);
  } finally {
    room?.release();
  }
}

/** An import brings the bytes of a ref that was known by name only. @throws {LadingError} `id_taken`. */
function giveBytes(work: Work, { mediaId, blobKey, media }: AttachmentInput): void {
  const { outcome } = work.send(asStream(mediaId), {
    type: 'bytes.given',
    blobKey,
    media: { ...media },
  });
  if (outcome === 'ignored') throw idTaken(mediaId);
}

interface InspectedCapture extends PreparedCapture {
  readonly inspected: Inspected;
}

/** Every file is looked at before a byte of any is stored (contract 3.1). */
async function inspectAll(
  parts: CaptureParts,
  prepared: readonly PreparedCapture[],
  signal: AbortSignal,
): Promise<readonly InspectedCapture[]> {
  const { inspect } = await parts.intake();
  const found: InspectedCapture[] = [];
  for (const [index, one] of prepared.entries()) {
    const { source, field } = one;
    try {
      const inspecting = inspect({ ...one, open: () => typed(source, signal) }, field);
      const inspected = await unlessAborted(inspecting, signal);
      found.push({ ...one, contentType: inspected.contentType, inspected });
    } catch (error) {
      throw signal.aborted ? error : ofFile(whichFile(one, index), error);
    }
  }
  return found;
}

/** A source may never give its next piece: nobody waits for it then. */
async function unlessAborted<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  const stops: (() => void)[] = [];
  const aborted = new Promise<never>((_resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    stops.push(() => signal.removeEventListener('abort', stop));
  });
  try {
    return await Promise.race([running, aborted]);
  } finally {
    for (const stop of stops) stop();
    running.catch(() => {}); // What it still finds is nobody's concern.
  }
}

async function store(
  parts: CaptureParts,
  prepared: InspectedCapture,
  index: number,
  signal: AbortSignal,
  room: Reservation,
): Promise<Stored> {
  const { field, source } = prepared;
  const blobKey = parts.newBlobKey(parts.accountId);
  try {
    const clean = prepared.inspected.stored(typed(source, signal));
    const bytes = room.metered(prepared.mediaId, clean);
    const written = await parts.blobs.write(blobKey, bytes, {
      maxBytes: field.maxBytes,
      signal,
    });
    try {
      requireSize(field, written.sizeBytes, parts.say);
    } catch (error) {
      await parts.blobs.remove(blobKey);
      throw error;
    }
    return { prepared, blobKey, written };
  } catch (error) {
    // The store knows a number of bytes, the user the field's own limit (contract 7.4).
    const isTooLarge = error instanceof LadingError && error.code === 'file_too_large';
    const known = isTooLarge ? tooLarge(field, parts.say) : error;
    throw signal.aborted ? known : ofFile(whichFile(prepared, index), known);
  }
}

/** A source of the app's may throw anything: what it throws gets a code. */
async function* typed(source: CaptureSource, signal: AbortSignal): AsyncIterable<Uint8Array> {
  try {
    for await (const bytes of source.open(signal)) {
      signal.throwIfAborted();
      if (!((bytes as unknown) instanceof Uint8Array)) throw notBytes();
      yield bytes;
    }
  } catch (cause) {
    if (cause instanceof LadingError || signal.aborted) throw cause;
    throw new LadingError(
      'source_unreadable',
      'The file could not be read to its end; nothing was stored. Choose it again.',
      { cause },
    );
  }
}

function notBytes(): LadingError {
  return new LadingError(
    'source_unreadable',
    'The source gave something else than bytes; nothing was stored. Its open() must yield Uint8Array.',
  );
}

function countRefs({ events, tables }: CaptureParts, owner: Owner): number {
  return events.read((tx) => tables.refsOfOwner(tx, ownerKey(owner))).length;
}

function plainInput(parts: CaptureParts, { prepared, blobKey, written }: Stored) {
  const { mediaId, kind, contentType, filename, field } = prepared;
  return {
    mediaId,
    accountId: parts.accountId,
    origin: 'here',
    media: {
      kind,
      contentType,
      filename,
      byteSize: written.sizeBytes,
      sha256: written.sha256,
    },
    policy: { ...field.policy },
    capturedAt: Math.floor(parts.clock.now()),
    url: null,
    blobKey,
  } satisfies AttachmentInput;
}

/** A commit whose outcome is unknown may have happened: then the bytes are needed. */
async function removeUnlessCommitted(
  { host, blobs }: CaptureParts,
  { prepared, blobKey }: Stored,
  error: unknown,
): Promise<void> {
  const wasRefused = error instanceof LadingError && error.code === 'closed';
  try {
    const state = wasRefused ? undefined : host.state(asStream(prepared.mediaId));
    if (state?.context['blobKey'] === blobKey) return;
  } catch {
    return; // Cannot tell: the bytes stay, and garbage collection decides after its grace.
  }
  // What went wrong first is the answer; what cannot be removed now is garbage, which is collected.
  await blobs.remove(blobKey).catch(() => {});
}

function asCaptureError(
  error: unknown,
  prepared: readonly PreparedCapture[],
  signal: AbortSignal,
  ending: AbortSignal,
): unknown {
  if (ending.aborted) return ending.reason;
  if (error instanceof LadingError && error.code === 'stream_exists') {
    const index = prepared.findIndex(({ mediaId }) => error.details['stream'] === mediaId);
    const taken = prepared[index];
    return taken === undefined ? error : ofFile(whichFile(taken, index), idTaken(taken.mediaId));
  }
  if (signal.aborted && (error === signal.reason || !(error instanceof LadingError))) {
    return captureAborted(error);
  }
  return error;
}
