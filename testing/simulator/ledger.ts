import type { AttachmentKind, MediaId } from '../../machines/attachment/types.ts';
import { plantedNeedles } from '../sample-files/index.ts';

/**
 * What was asked of Lading and what it acknowledged: kept by a judge who stands outside of every device. The oracles
 * compare it with what is there.
 */
export interface Ledger {
  readonly files: readonly FileRecord[];
  find(mediaId: string): FileRecord | undefined;
  add(
    file: Pick<
      FileRecord,
      'mediaId' | 'device' | 'kind' | 'bytes' | 'placeBytes' | 'draft' | 'noted' | 'unmetered'
    >,
  ): FileRecord;
  /** The record of one file with one owner. */
  place(mediaId: string, ownerKey: string): PlaceRecord;
  /** Files whose places with this owner are known. */
  placesOf(ownerKey: string): readonly (readonly [FileRecord, PlaceRecord])[];
}

export interface FileRecord {
  /** `m1`, `m2`, … in traces. */
  readonly name: string;
  readonly mediaId: MediaId;
  /** The device that captured it. */
  readonly device: string;
  readonly kind: AttachmentKind;
  readonly bytes: Uint8Array;
  /** So many of the first bytes hold a location, which is to be taken out in place; all others stay. */
  readonly placeBytes: number;
  readonly draft: boolean;
  /** The app wrote a row in the same commit. */
  readonly noted: boolean;
  /** `asked`: no answer (yet), since the process died or still works. */
  capture: 'asked' | 'acknowledged' | 'refused';
  /** Captured for a field that sends over unmetered links only. */
  readonly unmetered: boolean;
  /** Someone asked to send it over any link. */
  sendNow: boolean;
  /** The code that its capture was refused with. */
  refusedWith: string | undefined;
  /** Someone asked for `cancel`. */
  cancelled: boolean;
  readonly places: Map<string, PlaceRecord>;
}

/** One attachment with one owner. */
export interface PlaceRecord {
  /** A capture or link that puts it here was acknowledged. */
  linked: boolean;
  /** Linked by `link` or `undo`, asked for at least once: a removal may be outrun by it. */
  askedAgain: boolean;
  /** A verb that takes it away was asked for, acknowledged or not. */
  removalAsked: boolean;
  removalAcknowledged: boolean;
}

export function createLedger(): Ledger {
  const files: FileRecord[] = [];
  const byId = new Map<string, FileRecord>();
  return {
    files,
    find: (mediaId) => byId.get(mediaId),
    add(file) {
      const record: FileRecord = {
        ...file,
        name: `m${files.length + 1}`,
        capture: 'asked',
        sendNow: false,
        refusedWith: undefined,
        cancelled: false,
        places: new Map(),
      };
      files.push(record);
      byId.set(record.mediaId, record);
      return record;
    },
    place(mediaId, ownerKey) {
      const file = byId.get(mediaId);
      if (file === undefined) throw new Error(`${mediaId} was never captured`);
      const place = file.places.get(ownerKey) ?? {
        linked: false,
        askedAgain: false,
        removalAsked: false,
        removalAcknowledged: false,
      };
      file.places.set(ownerKey, place);
      return place;
    },
    placesOf: (ownerKey) =>
      files.flatMap((file) => {
        const place = file.places.get(ownerKey);
        return place === undefined ? [] : [[file, place] as const];
      }),
  };
}

/** Whether these are the bytes of the file as they are to be stored: all of them, the planted location apart. */
export function isStoredFormOf({ bytes, placeBytes }: FileRecord, found: Uint8Array): boolean {
  const same = (from: number, to: number): boolean =>
    Buffer.compare(bytes.subarray(from, to), found.subarray(from, to)) === 0;
  if (found.byteLength !== bytes.byteLength || !same(placeBytes, bytes.byteLength)) return false;
  const head = Buffer.from(found.buffer, found.byteOffset, placeBytes);
  return !plantedNeedles().some((needle) => head.includes(Buffer.from(needle)));
}

/** Whether this attachment must be with this owner at the end: it was put there, and nobody ever took it away. */
export function mustBeThere(file: FileRecord, place: PlaceRecord): boolean {
  return file.capture === 'acknowledged' && place.linked && !place.removalAsked && !file.cancelled;
}

/** Whether it must not be there at the end: it was taken away, and nobody asked for it again. */
export function mustBeAway(place: PlaceRecord): boolean {
  return place.removalAcknowledged && !place.askedAgain;
}

/** Whether anybody ever asked to let go of it anywhere. */
export function mayBeGone(file: FileRecord): boolean {
  return file.cancelled || [...file.places.values()].some(({ removalAsked }) => removalAsked);
}
