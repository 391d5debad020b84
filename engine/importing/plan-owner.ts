import type { AttachmentContext } from '../../machines/attachment/context.ts';
import type { MediaId, Owner } from '../../machines/attachment/types.ts';
import { ownerKey } from '../../machines/attachment/types.ts';
import type { AttachmentTables, RefRecord } from '../../ports/attachment-tables.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoredEvent, StoreTransaction } from '../../ports/event-store.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import type { Field } from '../lifecycle/fields.ts';
import { EntryTrouble, type OldEntry } from './old-refs.ts';
import { importedId, readOldUrl } from './old-urls.ts';

/** One file of an owner's column, with the id that it has here. */
export interface Target {
  readonly mediaId: MediaId;
  readonly entry: OldEntry;
  /** Null: only a name is known, whose bytes were never sent. */
  readonly locator: string | null;
  readonly localName: string | null;
}

/** What an owner's column comes to. */
export interface OwnerPlan {
  readonly owner: Owner;
  readonly field: Field;
  readonly targets: readonly Target[];
  /** Entries that name a file of `targets` again. */
  readonly repeated: number;
}

/**
 * @param present the owner's refs as they are here: a url that one of them has is that attachment's.
 * @throws {EntryTrouble} for an entry that cannot be taken.
 */
export function planOwner(
  owner: Owner,
  field: Field,
  entries: readonly OldEntry[],
  present: readonly RefRecord[],
  locatorOf?: (url: string) => string | undefined,
): OwnerPlan {
  const targets = new Map<MediaId, Target>();
  for (const entry of entries) {
    const target = targetOf(owner, entry, present, locatorOf);
    const known = targets.get(target.mediaId);
    targets.set(target.mediaId, known === undefined ? target : merged(known, target));
  }
  const known = new Set(present.map(({ mediaId }) => mediaId));
  const added = [...targets.keys()].filter((mediaId) => !known.has(mediaId)).length;
  if (field.single && present.length + added > 1) throw new EntryTrouble(null, tooMany(field));
  return {
    owner,
    field,
    targets: [...targets.values()],
    repeated: entries.length - targets.size,
  };
}

/** How a file stands to the owner that shall hold it. */
export interface Standing {
  /** `awaiting`: only its name is known here, whoever has the bytes; `removed`: from this owner, or altogether. */
  readonly file: 'unknown' | 'awaiting' | 'known' | 'removed';
  readonly linked: boolean;
}

/** @throws {LadingError} `wrong_account`. */
export function standingOf(
  context: AttachmentContext | undefined,
  history: () => readonly StoredEvent[],
  owner: Owner,
): Standing {
  if (context === undefined) return { file: 'unknown', linked: false };
  if (context.accountId !== owner.scope.accountId) throw otherAccount();
  const key = ownerKey(owner);
  const linked = context.refs.some((ref) => ref.key === key);
  if (!linked && (context.gone || history().some((event) => isRemoval(event, key)))) {
    return { file: 'removed', linked };
  }
  const isAwaiting = context.origin === 'elsewhere' && !context.attached;
  return { file: isAwaiting ? 'awaiting' : 'known', linked };
}

/** The refs of an owner in its order. */
export function presentRefs(
  tx: StoreTransaction,
  tables: AttachmentTables,
  owner: Owner,
): readonly RefRecord[] {
  return tables.refsOfOwner(tx, ownerKey(owner));
}

/** All events of one attachment. */
export function historyOf(tx: StoreTransaction, mediaId: MediaId): readonly StoredEvent[] {
  return tx.log.read(asStream(mediaId));
}

function targetOf(
  owner: Owner,
  entry: OldEntry,
  present: readonly RefRecord[],
  locatorOf?: (url: string) => string | undefined,
): Target {
  const url = readOldUrl(entry.url, locatorOf);
  if (url.type === 'token') throw new EntryTrouble(entry.index, hasToken());
  if (url.type === 'none') throw new EntryTrouble(entry.index, noLocator());
  const name = url.type === 'local' ? url.localName : url.locator;
  const sameUrl = present.find(({ ref }) => url.type === 'remote' && ref.url === url.locator);
  return {
    mediaId: sameUrl?.mediaId ?? importedId(owner.scope.accountId, entry.mediaId ?? name),
    entry,
    locator: url.type === 'remote' ? url.locator : null,
    localName: url.type === 'local' ? url.localName : null,
  };
}

/** The first place counts; what a later one knows besides is added. */
function merged(first: Target, again: Target): Target {
  return {
    ...first,
    locator: first.locator ?? again.locator,
    localName: first.localName ?? again.localName,
    entry: { ...again.entry, ...first.entry, ...primaryOf(first.entry, again.entry) },
  };
}

function primaryOf(...entries: readonly OldEntry[]): { readonly isPrimary?: true } {
  return entries.some(({ isPrimary }) => isPrimary === true) ? { isPrimary: true } : {};
}

function isRemoval({ type, payload }: StoredEvent, key: string): boolean {
  if (type !== 'ref.unlinked' && type !== 'ref.tombstoned') return false;
  return ownerKey(payload['owner'] as unknown as Owner) === key;
}

function tooMany(field: Field): LadingError {
  return new LadingError('too_many', `"${field.name}" holds one file: say which of them it is.`, {
    details: { field: field.name },
  });
}

function hasToken(): LadingError {
  return new LadingError(
    'invalid_url',
    'The url carries a token, so it does not last: give its lasting address with locatorOf.',
  );
}

function noLocator(): LadingError {
  return new LadingError(
    'invalid_url',
    'The url is no https or http address and no local name: give its lasting address with locatorOf.',
  );
}

function otherAccount(): LadingError {
  return new LadingError('wrong_account', 'This attachment belongs to another account.');
}
