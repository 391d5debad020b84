import type { AttachmentInput, MediaId, Owner } from '../../machines/attachment/types.ts';
import { ownerKey } from '../../machines/attachment/types.ts';
import type { AttachmentTables } from '../../ports/attachment-tables.ts';
import type { BlobKey, WrittenBlob } from '../../ports/blob-store.ts';
import type { BlobContent, HoldTable } from '../../ports/blob-tables.ts';
import type { Clock } from '../../ports/clock.ts';
import { LadingError } from '../../ports/errors.ts';
import type { EventStore } from '../../ports/event-store.ts';
import { createLoans, type Loans } from '../files/loans.ts';
import type { Guardrails } from '../guardrails/guardrails.ts';
import type { Reservation } from '../guardrails/reservations.ts';
import type { Host } from '../host/host.ts';
import type { Work } from '../host/work.ts';
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
} from './prepare-capture.ts';
import {
  type InspectedCapture,
  type Stored,
  type StoringParts,
  storeFile,
  typed,
} from './store-file.ts';
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

export interface CaptureParts extends StoringParts {
  readonly host: Host;
  readonly events: EventStore;
  readonly tables: AttachmentTables;
  readonly fields: FieldRegistry;
  readonly guardrails: Pick<Guardrails, 'reserve'>;
  readonly clock: Clock;
  /** Aborted when Lading closes. */
  readonly ending: AbortSignal;
  /** Looks at files before a byte is stored; loaded when the first one comes. */
  intake(): Promise<Intake>;
  newMediaId(): MediaId;
}

type Intake = Pick<typeof import('../intake/index.ts'), 'inspect'>;

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
 * commit, the bytes are removed again (contract 3.2). Bytes that are here already are shared, and the copy that was
 * just written is removed after the commit (contract 5.3).
 */
export async function storeAndCommit<T>(
  parts: CaptureParts,
  prepared: readonly PreparedCapture[],
  userSignal: AbortSignal | undefined,
  decide: (work: Work, create: (mediaId: MediaId) => void) => T,
): Promise<T> {
  const { blobs, ending } = parts;
  const signal = userSignal === undefined ? ending : AbortSignal.any([userSignal, ending]);
  const stored: Stored[] = [];
  let room: Reservation | undefined;
  let loans: Loans | undefined;
  try {
    const inspected = await inspectAll(parts, prepared, signal);
    // Before a byte is written, for all of them together (contract 7.3).
    room = await parts.guardrails.reserve(
      prepared.map(({ mediaId, source }) => ({ mediaId, sizeBytes: source.sizeBytes })),
      prepared[0]?.field.guardrails ?? 'always',
      signal,
    );
    for (const [index, one] of inspected.entries()) {
      stored.push(await storeFile(parts, one, index, signal, room));
    }
    const { shared } = await parts.files();
    loans = createLoans(shared, parts.clock, parts.accountId, contentsOf(stored));
    let done: Committed<T> | undefined;
    while (done === undefined) {
      await loans.borrow(signal);
      done = await commit(parts, stored, loans, shared.holds, signal, decide, room);
    }
    // An import may find at its commit that somebody else brought the bytes, or that nobody wants them any more.
    for (const one of stored) {
      if (done.keys.get(one) !== one.blobKey) await blobs.remove(one.blobKey).catch(() => {});
    }
    await loans.giveBack(new Set([...done.keys.keys()].map((one) => one.prepared.mediaId)));
    return done.result;
  } catch (error) {
    for (const one of stored) await removeUnlessCommitted(parts, one, error);
    await loans?.giveBack();
    throw asCaptureError(error, prepared, signal, ending);
  } finally {
    room?.release();
  }
}

interface Committed<T> {
  readonly result: T;
  /** Which file each is with, of those that were taken. */
  readonly keys: ReadonlyMap<Stored, BlobKey>;
}

/** Undefined, and nothing done, when equal bytes were committed since the last look. */
function commit<T>(
  parts: CaptureParts,
  stored: readonly Stored[],
  loans: Loans,
  holds: Pick<HoldTable, 'isBeingRemoved'>,
  signal: AbortSignal,
  decide: (work: Work, create: (mediaId: MediaId) => void) => T,
  room: Reservation,
): Promise<Committed<T> | undefined> {
  return parts.host.transact((work) => {
    signal.throwIfAborted();
    if (loans.areOutdated(work.tx)) return undefined;
    // Made anew by each try: a commit that found the database busy decides again.
    const keys = new Map<Stored, BlobKey>();
    const result = decide(work, (mediaId) => {
      const one = stored.find(({ prepared: { mediaId: id } }) => id === mediaId);
      if (one === undefined) throw new Error(`${mediaId} was not stored`);
      const twin = [...keys].find(([{ written }]) => isSame(written, one.written));
      const blobKey = loans.keyOf(work.tx, mediaId) ?? twin?.[1] ?? one.blobKey;
      if (blobKey === one.blobKey && holds.isBeingRemoved(work.tx, blobKey)) throw takenAway();
      keys.set(one, blobKey);
      const input = plainInput(parts, { ...one, blobKey });
      if (work.peek(asStream(mediaId)) === undefined) {
        work.create(asStream(mediaId), ATTACHMENT, input);
      } else {
        giveBytes(work, input);
      }
    });
    room.confirm(work.tx);
    return { result, keys };
  });
}

function contentsOf(stored: readonly Stored[]): ReadonlyMap<MediaId, BlobContent> {
  return new Map(
    stored.map(({ prepared, written: { sizeBytes: byteSize, sha256 } }) => [
      prepared.mediaId,
      { byteSize, sha256 },
    ]),
  );
}

function takenAway(): LadingError {
  return new LadingError(
    'blobs_unwritable',
    'The capture took longer than the grace of garbage collection, and another process collected its file; nothing was stored. Capture it again.',
  );
}

function isSame(a: WrittenBlob, b: WrittenBlob): boolean {
  return a.sha256 === b.sha256 && a.sizeBytes === b.sizeBytes;
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
