import type { AttachmentKind, MediaId, Owner } from '../../machines/attachment/types.ts';
import { ownerKey } from '../../machines/attachment/types.ts';

/** A field's rules, as the contract says them (3.1, 3.3). */
export interface ListRules {
  readonly owner: Owner;
  readonly maxCount: number;
  readonly single: boolean;
}

/** One owner's list: ids in their order, and which one is primary. */
interface List {
  readonly rules: ListRules;
  ids: MediaId[];
  primary: MediaId | null;
  /** Counts changes: whoever undoes the last one gets the very order back. */
  edits: number;
}

/** What a verb removed, and what it needs to be undone. */
export interface Removal {
  readonly removed: readonly { readonly id: MediaId; readonly key: string }[];
  readonly replacement: MediaId | null;
  /** The owner's list as it was before, and how often it had been changed right after. */
  readonly before: readonly MediaId[];
  readonly editsAfter: number;
}

/** The owners' lists as a child would keep them: arrays, no ranks, no events. A verb returns what it refuses, or null. */
export type Refusal =
  | 'too_many'
  | 'not_found'
  | 'already_gone'
  | 'not_single'
  | 'wrong_kind'
  | 'undo_expired';

export class ListModel {
  readonly lists: ReadonlyMap<string, List>;
  readonly kinds = new Map<MediaId, AttachmentKind>();

  constructor(rules: readonly ListRules[]) {
    this.lists = new Map(
      rules.map((one) => [ownerKey(one.owner), { rules: one, ids: [], primary: null, edits: 0 }]),
    );
  }

  list(owner: Owner): List {
    return this.at(ownerKey(owner));
  }

  link(id: MediaId, owner: Owner): Refusal | null {
    const list = this.list(owner);
    if (list.ids.includes(id)) return null;
    if (list.ids.length >= list.rules.maxCount) return 'too_many';
    list.ids.push(id);
    list.edits += 1;
    if (!list.rules.single && list.primary === null && this.isImage(id)) list.primary = id;
    return null;
  }

  remove(id: MediaId, owner: Owner): Refusal | Removal {
    const list = this.list(owner);
    const before = [...list.ids];
    if (!before.includes(id)) return 'not_found';
    const wasPrimary = list.primary === id;
    this.drop(list, id);
    if (wasPrimary) this.promote(list);
    return this.removal([{ id, key: ownerKey(owner) }], null, before, list);
  }

  replace(id: MediaId, by: MediaId, owner: Owner): Refusal | Removal {
    const list = this.list(owner);
    const before = [...list.ids];
    if (!before.includes(id)) return 'not_found';
    const wasPrimary = list.primary === id;
    list.ids = before.map((one) => (one === id ? by : one));
    list.edits += 1;
    if (wasPrimary) list.primary = this.isImage(by) ? by : null;
    this.promote(list);
    return this.removal([{ id, key: ownerKey(owner) }], by, before, list);
  }

  move(id: MediaId, owner: Owner, position: number): Refusal | null {
    const list = this.list(owner);
    if (list.rules.single) return 'not_single';
    if (!list.ids.includes(id)) return 'not_found';
    const others = list.ids.filter((one) => one !== id);
    list.ids = others.toSpliced(Math.max(0, Math.min(position, others.length)), 0, id);
    list.edits += 1;
    return null;
  }

  setPrimary(id: MediaId, owner: Owner): Refusal | null {
    const list = this.list(owner);
    if (list.rules.single) return 'not_single';
    if (!list.ids.includes(id)) return 'not_found';
    if (!this.isImage(id)) return 'wrong_kind';
    list.primary = id;
    return null;
  }

  cancel(id: MediaId): void {
    for (const list of this.lists.values()) {
      if (!list.ids.includes(id)) continue;
      const wasPrimary = list.primary === id;
      this.drop(list, id);
      if (wasPrimary) this.promote(list);
    }
  }

  clear(owner: Owner): Removal {
    const list = this.list(owner);
    const before = [...list.ids];
    const removed = before.map((id) => ({ id, key: ownerKey(owner) }));
    for (const id of before) this.drop(list, id);
    return this.removal(removed, null, before, list);
  }

  /**
   * @param canReturn what the pure machine of a stream says: the undo time runs, and the stream lives.
   * @param wasPrimary whether the ref was primary when it went, as the stream remembers it.
   */
  undo(
    { removed, replacement, before, editsAfter }: Removal,
    canReturn: (id: MediaId, key: string) => boolean,
    wasPrimary: (id: MediaId, key: string) => boolean,
  ): { readonly refusal: Refusal | null; readonly exactOrder: boolean } {
    const [first] = removed;
    if (first === undefined) return { refusal: null, exactOrder: true };
    const list = this.at(first.key);
    const saved = { ids: list.ids, primary: list.primary, edits: list.edits };
    const exactOrder = list.edits === editsAfter;
    if (replacement !== null && list.ids.includes(replacement) && !list.ids.includes(first.id)) {
      this.drop(list, replacement);
    }
    for (const { id, key } of removed.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
      if (list.ids.includes(id)) continue;
      const refusal =
        list.ids.length >= list.rules.maxCount
          ? 'too_many'
          : canReturn(id, key)
            ? null
            : 'undo_expired';
      if (refusal !== null) {
        Object.assign(list, saved);
        return { refusal, exactOrder };
      }
      list.ids = [...list.ids, id];
      list.edits += 1;
      if (wasPrimary(id, key)) list.primary = id;
    }
    if (exactOrder) list.ids = [...before];
    return { refusal: null, exactOrder };
  }

  /** Takes over an order that only ranks decide: the same ids, and nobody but `moved` changed places. */
  adoptOrder(owner: Owner, ids: readonly MediaId[], moved: readonly MediaId[]): boolean {
    const list = this.list(owner);
    const rest = (all: readonly MediaId[]): string =>
      all.filter((id) => !moved.includes(id)).join(' ');
    const same = rest(list.ids) === rest(ids) && list.ids.length === ids.length;
    list.ids = [...ids];
    return same;
  }

  private at(key: string): List {
    const found = this.lists.get(key);
    if (found === undefined) throw new Error(`no list ${key}`);
    return found;
  }

  private isImage(id: MediaId): boolean {
    return this.kinds.get(id) === 'image';
  }

  private drop(list: List, id: MediaId): void {
    list.ids = list.ids.filter((one) => one !== id);
    list.edits += 1;
    if (list.primary === id) list.primary = null;
  }

  private promote(list: List): void {
    if (list.rules.single || list.primary !== null) return;
    list.primary = list.ids.find((id) => this.isImage(id)) ?? null;
  }

  private removal(
    removed: Removal['removed'],
    replacement: MediaId | null,
    before: readonly MediaId[],
    list: List,
  ): Removal {
    return { removed, replacement, before, editsAfter: list.edits };
  }
}
