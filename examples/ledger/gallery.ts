import type {
  AppWrite,
  Attachment,
  CaptureSource,
  Lading,
  ListItem,
  Owner,
  RefOrId,
  UndoToken,
} from 'lading';
import { type InlineError, inline, type Outcome, type SlotSentences } from './inline-errors.ts';

/** A file from the camera or a picker; the kind is what the picker says, never guessed from a url. */
export interface PickedFile {
  readonly source: CaptureSource;
  readonly kind: 'image' | 'pdf';
}

/** What every slot can do, whichever entity it belongs to: items, receipts, other images, spaces, the logo. */
export interface Gallery {
  readonly owner: Owner;
  list(): readonly ListItem[];
  /** A batch from the camera or a picker: all of it, or nothing. */
  add(files: readonly PickedFile[], rows?: AppWrite): Promise<Outcome<readonly Attachment[]>>;
  remove(ref: RefOrId): Promise<UndoToken>;
  replace(ref: RefOrId, file: PickedFile): Promise<Outcome<Attachment>>;
  move(ref: RefOrId, position: number): Promise<void>;
  setPrimary(ref: RefOrId): Promise<InlineError | null>;
}

export function gallery(lading: Lading, owner: Owner, sentences: SlotSentences): Gallery {
  return {
    owner,
    list: () => lading.list(owner),
    add: (files, rows) =>
      inline(sentences, () =>
        lading.captureAll(files, {
          owner,
          ...(rows === undefined ? {} : { inTransaction: rows }),
        }),
      ),
    remove: (ref) => lading.remove(ref, owner),
    replace: (ref, { source, kind }) =>
      inline(sentences, async () => {
        const { attachment } = await lading.replace(ref, source, owner, { kind });
        return attachment;
      }),
    move: (ref, position) => lading.move(ref, owner, position),
    async setPrimary(ref) {
      const done = await inline(sentences, () => lading.setPrimary(ref, owner));
      return done.ok ? null : done.error;
    },
  };
}
