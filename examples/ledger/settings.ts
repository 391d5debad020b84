import type { Attachment, ListItem, Owner, UndoToken } from 'lading';
import { type AppParts, scopeOf } from './entities.ts';
import { gallery, type PickedFile } from './gallery.ts';
import { imageSentences, type Outcome } from './inline-errors.ts';

/** Settings: the business profile with its one logo, nullable. */
export interface Settings {
  readonly logoOwner: Owner;
  logo(): ListItem | null;
  /** The first one is captured, a later one takes its place: the newest wins, also while the old one uploads. */
  setLogo(file: PickedFile): Promise<Outcome<Attachment>>;
  removeLogo(): Promise<UndoToken | null>;
}

const PROFILE = 'default';

export function createSettings(parts: AppParts): Settings {
  const { lading, store, accountId } = parts;
  const logoOwner: Owner = {
    scope: scopeOf(accountId, null),
    entityType: 'profile',
    entityId: PROFILE,
    field: 'logo',
  };
  const slot = gallery(lading, logoOwner, imageSentences(1));
  store.run(
    `INSERT OR IGNORE INTO profile (id, account_id, name) VALUES (?, ?, 'My business')`,
    PROFILE,
    accountId,
  );

  const logo = (): ListItem | null => slot.list()[0] ?? null;
  return {
    logoOwner,
    logo,
    async setLogo(file) {
      const present = logo();
      if (present !== null) return slot.replace(present.ref, file);
      const added = await slot.add([file]);
      if (!added.ok) return added;
      const [first] = added.value;
      if (first === undefined) throw new Error('one file gives one attachment');
      return { ok: true, value: first };
    },
    async removeLogo() {
      const present = logo();
      return present === null ? null : slot.remove(present.ref);
    },
  };
}
