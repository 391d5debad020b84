import type { AttachmentContext } from '../../machines/attachment/context.ts';
import type { MediaId, Owner } from '../../machines/attachment/types.ts';
import { ownerKey } from '../../machines/attachment/types.ts';
import type { AttachmentTables, RefRecord } from '../../ports/attachment-tables.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoredEvent, StoreTransaction } from '../../ports/event-store.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import { removalsIn, wasGone } from '../lifecycle/compaction.ts';
import type { Field } from '../lifecycle/fields.ts';
import { EntryTrouble, type OldEntry } from './old-refs.ts';
import { importedId, isUuid, readOldUrl } from './old-urls.ts';

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

/** What an entry's id and address follow from, besides itself. */
export interface PlanParts {
  /** The owner's refs as they are here: a url that one of them has is that attachment's. */
  readonly present: readonly RefRecord[];
  /** Makes ids of this device's own places its own. */
  readonly salt: string;
  /** Whether the app can be asked for bytes: a path is a place then, and else may be a server's. */
  readonly canHaveBytes: boolean;
  locatorOf(url: string): string | undefined;
}

/** @throws {EntryTrouble} for an entry that cannot be taken. */
export function planOwner(
  owner: Owner,
  field: Field,
  entries: readonly OldEntry[],
  parts: PlanParts,
): OwnerPlan {
  const targets = new Map<MediaId, Target>();
  for (const entry of entries) {
    const target = targetOf(owner, entry, parts);
    const known = targets.get(target.mediaId);
    targets.set(target.mediaId, known === undefined ? target : merged(known, target));
  }
  return {
    owner,
    field,
    targets: [...targets.values()],
    repeated: entries.length - targets.size,
  };
}

/**
 * @param standings of the plan's targets, in their order: what was removed since takes no place.
 * @throws {EntryTrouble} `too_many` when a single field would hold two files; `id_taken` for an id that another file has.
 */
export function requirePlan(
  { field, targets }: OwnerPlan,
  standings: readonly Standing[],
  presentCount: number,
): void {
  const added = standings.filter(({ file, linked }) => !linked && file !== 'removed').length;
  if (field.single && added > 0 && presentCount + added > 1) {
    throw new EntryTrouble(null, tooMany(field));
  }
  for (const [at, { entry, locator }] of targets.entries()) {
    const there = standings[at];
    const isOther = locator !== null && there?.url != null && there.url !== locator;
    if (isOther && !there.linked && there.file === 'known') {
      throw new EntryTrouble(entry.index, otherFile());
    }
  }
}

/** How a file stands to the owner that shall hold it. */
export interface Standing {
  /** `awaiting`: only its name is known here, whoever has the bytes; `removed`: from this owner, or altogether. */
  readonly file: 'unknown' | 'awaiting' | 'known' | 'removed';
  readonly linked: boolean;
  /** Its locator here. */
  readonly url: string | null;
  /** By what name an older app knows its bytes, where an import before this one learnt it. */
  readonly localName: string | null;
}

/** @throws {LadingError} `wrong_account`. */
export function standingOf(
  context: AttachmentContext | undefined,
  history: () => readonly StoredEvent[],
  owner: Owner,
): Standing {
  if (context === undefined) return { file: 'unknown', linked: false, url: null, localName: null };
  if (context.accountId !== owner.scope.accountId) throw otherAccount();
  const key = ownerKey(owner);
  const linked = context.refs.some((ref) => ref.key === key);
  const { url } = context;
  if (!linked && (context.gone || isRemoved(history(), key))) {
    return { file: 'removed', linked, url, localName: null };
  }
  const isAwaiting = context.origin === 'elsewhere' && !context.attached;
  const localName = isAwaiting ? localNameOf(history()[0]) : null;
  return { file: isAwaiting ? 'awaiting' : 'known', linked, url, localName };
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

function targetOf(owner: Owner, entry: OldEntry, parts: PlanParts): Target {
  const url = readOldUrl(entry.url, (text) => parts.locatorOf(text));
  if (url.type === 'token') throw new EntryTrouble(entry.index, hasToken());
  if (url.type === 'none' || (url.type === 'place' && !parts.canHaveBytes)) {
    throw new EntryTrouble(entry.index, noLocator());
  }
  const { accountId } = owner.scope;
  const name = url.type === 'remote' ? url.locator : url.localName;
  const known = parts.present.find(({ ref }) => url.type === 'remote' && ref.url === url.locator);
  const own = entry.mediaId !== undefined && isUuid(entry.mediaId) ? entry.mediaId : name;
  return {
    mediaId:
      known?.mediaId ?? importedId(accountId, own, url.type === 'place' ? parts.salt : undefined),
    entry,
    locator: url.type === 'remote' ? url.locator : null,
    localName: url.type === 'remote' ? null : url.localName,
  };
}

/**
 * The first place counts; what a later one knows besides is added.
 * @throws {EntryTrouble} `id_taken` for two addresses under one id: neither file may be lost.
 */
function merged(first: Target, again: Target): Target {
  const isOther = first.locator !== null && again.locator !== null;
  if (isOther && first.locator !== again.locator) {
    throw new EntryTrouble(again.entry.index, otherFile());
  }
  return {
    ...first,
    locator: first.locator ?? again.locator,
    localName: first.localName ?? again.localName,
    entry: { ...again.entry, ...first.entry, ...primaryOf(first.entry, again.entry) },
  };
}

/** What an import before this one wrote into the stream's first event. */
function localNameOf(created: StoredEvent | undefined): string | null {
  const input = created?.payload['input'] as { readonly localName?: string } | undefined;
  return input?.localName ?? null;
}

function primaryOf(...entries: readonly OldEntry[]): { readonly isPrimary?: true } {
  return entries.some(({ isPrimary }) => isPrimary === true) ? { isPrimary: true } : {};
}

/** Removed from this owner, or gone altogether before another device's ref brought it back for another owner. */
function isRemoved(events: readonly StoredEvent[], key: string): boolean {
  return wasGone(events) || removalsIn(events).some((owner) => ownerKey(owner) === key);
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
    'The url is no http address, and no local name whose bytes can be asked for: give its lasting address with locatorOf, or its bytes with bytesOf.',
  );
}

function otherFile(): LadingError {
  return new LadingError(
    'id_taken',
    'Another file has this mediaId: leave the id out where it is not unique, and import again.',
  );
}

function otherAccount(): LadingError {
  return new LadingError('wrong_account', 'This attachment belongs to another account.');
}
