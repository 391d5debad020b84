import { readUndoToken, type UndoToken } from '../../engine/lifecycle/undo-token.ts';
import type { Lading } from '../../lading.ts';
import type { AttachmentKind, MediaId, Owner } from '../../machines/attachment/types.ts';
import { ownerKey } from '../../machines/attachment/types.ts';
import { LadingError } from '../../ports/errors.ts';
import { bytesSource } from '../../ports/source.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import { ACCOUNT, WAITING_FIELD, writeNote } from './app.ts';
import type { Runner } from './device.ts';
import type { FileRecord } from './ledger.ts';
import type { World } from './world.ts';

/** A runner that takes commands. */
export type Open = Runner & { readonly lading: Lading };

/** The verbs of an app, each with what the judge writes down before it is asked and when it is acknowledged. */
export interface Verbs {
  capture(at: Open, owner: Owner, options: CaptureWish): FileRecord;
  link(at: Open, mediaId: MediaId, owner: Owner): void;
  remove(at: Open, mediaId: MediaId, owner: Owner): void;
  replace(at: Open, mediaId: MediaId, owner: Owner, wish: CaptureWish): void;
  cancel(at: Open, mediaId: MediaId): void;
  ownerDeleted(at: Open, owner: Owner): void;
  /** One of the removals of that device so far, newest more often; nothing when there was none. */
  undo(at: Open, random: SeededRandom): void;
  sendNow(at: Open, mediaId: MediaId): void;
  /** A verb that changes no ref. */
  plain(at: Open, label: string, work: (lading: Lading) => Promise<unknown>): void;
}

export interface CaptureWish {
  readonly device: string;
  readonly bytes: Uint8Array;
  /** See {@link FileRecord}. Default 0. */
  readonly placeBytes?: number;
  readonly kind: AttachmentKind;
  readonly draft?: boolean;
  readonly noted?: boolean;
}

export function createVerbs(world: World): Verbs {
  const { ledger, trace } = world;
  const tokens: { readonly device: string; readonly token: UndoToken }[] = [];

  /** Asks, and hears the answer only while the process lives. */
  function ask<T>(
    at: Open,
    label: string,
    work: (lading: Lading) => Promise<T>,
    heard: { readonly done?: (value: T) => void; readonly refused?: (code: string) => void } = {},
  ): void {
    trace.note(at.name, label);
    const refused = (error: unknown): void => {
      trace.note(at.name, `${label} → ${codeOf(error)}`);
      heard.refused?.(codeOf(error));
      if (!(error instanceof LadingError)) {
        world.fail('only foreseen errors', `${at.name} ${label}: ${String(error)}`);
      }
    };
    let asked: Promise<T>;
    try {
      asked = work(at.lading);
    } catch (error) {
      if (at.process.isAlive) refused(error);
      return;
    }
    const answered = (value: T): void => {
      trace.note(at.name, `${label} → done`);
      heard.done?.(value);
    };
    at.process.guard(asked.then(answered)).catch(refused);
  }

  function begin(at: Open, owner: Owner, wish: CaptureWish): FileRecord {
    const { device, kind, bytes, placeBytes = 0, draft = false, noted = false } = wish;
    const mediaId = at.lading.newMediaId();
    const unmetered = world.scenario.unmetered && owner.field === WAITING_FIELD;
    const file = ledger.add({ mediaId, device, kind, bytes, placeBytes, draft, noted, unmetered });
    trace.name(file.mediaId, file.name);
    world.counts.captures += 1;
    return file;
  }

  /** What another device has not attached yet may go there meanwhile, with its bytes: nobody could send it then. */
  function canComeBack(mediaId: string, device: string): boolean {
    if (ledger.find(mediaId)?.device === device) return true;
    return world.backend
      .rows(ACCOUNT)
      .some(({ ref }) => ref.mediaId === mediaId && !ref.url.startsWith('offline:'));
  }

  function removing(mediaId: string, key: string): void {
    ledger.place(mediaId, key).removalAsked = true;
  }

  function removed(device: string, token: UndoToken): void {
    tokens.push({ device, token });
    for (const { mediaId, owner } of readUndoToken(token).removed) {
      ledger.place(mediaId, ownerKey(owner)).removalAcknowledged = true;
    }
  }

  return {
    capture(at, owner, wish) {
      const file = begin(at, owner, wish);
      const key = ownerKey(owner);
      const { mediaId, name, noted, draft, bytes } = file;
      ask(
        at,
        `capture ${name} ${wish.kind} of ${bytes.byteLength} bytes for ${owner.field}${draft ? ', draft' : ''}`,
        (lading) =>
          lading.capture(bytesSource(bytes), {
            owner,
            kind: wish.kind,
            id: mediaId,
            draft,
            ...(noted ? { inTransaction: writeNote(mediaId) } : {}),
          }),
        {
          done() {
            file.capture = 'acknowledged';
            if (!draft) ledger.place(mediaId, key).linked = true;
          },
          refused(code) {
            file.capture = 'refused';
            file.refusedWith = code;
          },
        },
      );
      return file;
    },

    link(at, mediaId, owner) {
      const place = ledger.place(mediaId, ownerKey(owner));
      place.askedAgain = true;
      ask(at, `link ${mediaId} to ${owner.field}`, (lading) => lading.link(mediaId, owner), {
        done() {
          place.linked = true;
        },
      });
    },

    remove(at, mediaId, owner) {
      removing(mediaId, ownerKey(owner));
      ask(at, `remove ${mediaId} from ${owner.field}`, (lading) => lading.remove(mediaId, owner), {
        done: (token) => removed(deviceOf(at), token),
      });
    },

    replace(at, mediaId, owner, wish) {
      removing(mediaId, ownerKey(owner));
      const file = begin(at, owner, wish);
      ask(
        at,
        `replace ${mediaId} by ${file.name} in ${owner.field}`,
        (lading) =>
          lading.replace(mediaId, bytesSource(file.bytes), owner, {
            kind: wish.kind,
            id: file.mediaId,
            ...(file.noted ? { inTransaction: writeNote(file.mediaId) } : {}),
          }),
        {
          done({ undo }) {
            file.capture = 'acknowledged';
            ledger.place(file.mediaId, ownerKey(owner)).linked = true;
            removed(deviceOf(at), undo);
          },
          refused(code) {
            file.capture = 'refused';
            file.refusedWith = code;
          },
        },
      );
    },

    cancel(at, mediaId) {
      const file = ledger.find(mediaId);
      if (file === undefined) return;
      file.cancelled = true;
      for (const place of file.places.values()) place.removalAsked = true;
      ask(at, `cancel ${mediaId}`, (lading) => lading.cancel(mediaId));
    },

    ownerDeleted(at, owner) {
      for (const [, place] of ledger.placesOf(ownerKey(owner))) place.removalAsked = true;
      ask(at, `delete the owner of ${owner.field}`, (lading) => lading.ownerDeleted(owner), {
        done: (token) => removed(deviceOf(at), token),
      });
    },

    undo(at, random) {
      const mine = tokens.filter(({ device }) => device === deviceOf(at)).slice(-3);
      if (mine.length === 0) return;
      const { token } = random.pick(mine);
      const { removed: gone, replacement } = readUndoToken(token);
      if (!gone.every(({ mediaId }) => canComeBack(mediaId, deviceOf(at)))) return;
      for (const { mediaId, owner } of gone) {
        ledger.place(mediaId, ownerKey(owner)).askedAgain = true;
      }
      if (replacement !== undefined) {
        for (const { owner } of gone) removing(replacement, ownerKey(owner));
      }
      const names = gone.map(({ mediaId }) => mediaId).join(' ');
      ask(at, `undo the removal of ${names}`, (lading) => lading.undo(token));
    },

    sendNow(at, mediaId) {
      const file = ledger.find(mediaId);
      if (file === undefined) return;
      file.sendNow = true;
      ask(at, `send ${mediaId} over any link`, (lading) => lading.sendNow(mediaId));
    },

    plain: (at, label, work) => ask(at, label, work),
  };
}

function deviceOf(at: Runner): string {
  return at.name.slice(0, 1);
}

function codeOf(error: unknown): string {
  return error instanceof LadingError ? error.code : String(error);
}
