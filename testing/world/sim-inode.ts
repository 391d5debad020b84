import type { SeededRandom } from './seeded-random.ts';

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

/** A change since the last sync, with what is needed to take it back. */
type Change =
  | {
      readonly kind: 'write';
      readonly position: number;
      readonly bytes: Uint8Array;
      readonly before: Uint8Array;
      readonly sizeBefore: number;
    }
  | {
      readonly kind: 'truncate';
      readonly size: number;
      readonly before: Uint8Array;
      readonly sizeBefore: number;
    };

/** The bytes of one simulated file: as programs see them, and as a power cut would leave them. */
export class SimInode {
  #buffer = new Uint8Array(0);
  #size = 0;
  #unsynced: Change[] = [];
  modifiedAt = 0;
  /** Names that it has now. */
  names = 0;

  get size(): number {
    return this.#size;
  }

  get isSynced(): boolean {
    return this.#unsynced.length === 0;
  }

  /** Fills `target` from `position`; returns how many bytes there were. */
  readInto(target: Uint8Array, position: number): number {
    const end = Math.min(this.#size, position + target.byteLength);
    if (end <= position) return 0;
    target.set(this.#buffer.subarray(position, end));
    return end - position;
  }

  write(position: number, bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    const end = position + bytes.byteLength;
    this.#unsynced.push({
      kind: 'write',
      position,
      bytes: bytes.slice(),
      before: this.#buffer.slice(position, Math.max(position, Math.min(end, this.#size))),
      sizeBefore: this.#size,
    });
    this.#reserve(end);
    this.#buffer.set(bytes, position);
    this.#size = Math.max(this.#size, end);
  }

  truncate(size: number): void {
    if (size === this.#size) return;
    const before = this.#buffer.slice(size, Math.max(size, this.#size));
    this.#unsynced.push({ kind: 'truncate', size, before, sizeBefore: this.#size });
    this.#reserve(size);
    this.#buffer.fill(0, Math.min(size, this.#size));
    this.#size = size;
  }

  sync(): void {
    this.#unsynced = [];
  }

  /**
   * What a power cut leaves: sizes change in the order they were asked for and stop somewhere; each sector holds what
   * it held at some moment since the last sync, independent of its neighbours. `keep` is how likely the newest
   * state of each is. What lay beyond a truncation that was kept reads as zeros.
   */
  afterPowerCut(random: SeededRandom, keep: number): SimInode {
    const changes = this.#unsynced;
    if (changes.length === 0) {
      this.names = 0; // those of the disk that is gone
      return this;
    }
    const durable = this.#lastSynced();

    const keptSizes = random.chance(keep) ? changes.length : random.int(0, changes.length);
    const size = changes.slice(0, keptSizes).reduce(sizeAfter, durable.#size);
    durable.#reserve(Math.max(size, durable.#size));
    durable.#buffer.fill(0, Math.min(size, durable.#size));
    durable.#size = size;

    for (const [sector, touching] of touchedSectors(changes)) {
      if (sector * SECTOR_BYTES >= size) continue;
      const survivors = touching.slice(0, keptCount(changes, touching, keptSizes, random, keep));
      for (const index of survivors) durable.#replay(changes[index] as Change, sector);
    }
    durable.#buffer.fill(0, size);
    return durable;
  }

  /** A copy as of the last sync. */
  #lastSynced(): SimInode {
    const copy = new SimInode();
    copy.modifiedAt = this.modifiedAt;
    copy.#buffer = this.#buffer.slice();
    copy.#size = this.#size;
    for (const change of this.#unsynced.toReversed()) {
      copy.#reserve(change.sizeBefore);
      copy.#buffer.set(change.before, change.kind === 'write' ? change.position : change.size);
      copy.#buffer.fill(0, change.sizeBefore);
      copy.#size = change.sizeBefore;
    }
    return copy;
  }

  /** Applies the part of `change` that lies in `sector`, within the size that is left. */
  #replay(change: Change, sector: number): void {
    const from = sector * SECTOR_BYTES;
    const to = Math.min(from + SECTOR_BYTES, this.#size);
    if (change.kind === 'truncate') {
      this.#buffer.fill(0, Math.max(from, change.size), Math.max(to, change.size));
      return;
    }
    const start = Math.max(from, change.position);
    const end = Math.min(to, change.position + change.bytes.byteLength);
    if (end <= start) return;
    this.#buffer.set(change.bytes.subarray(start - change.position, end - change.position), start);
  }

  #reserve(length: number): void {
    if (this.#buffer.byteLength >= length) return;
    const grown = new Uint8Array(Math.max(length, this.#buffer.byteLength * 2, 4096));
    grown.set(this.#buffer);
    this.#buffer = grown;
  }
}

function sizeAfter(size: number, change: Change): number {
  return change.kind === 'truncate'
    ? change.size
    : Math.max(size, change.position + change.bytes.byteLength);
}

/** For each sector, which changes touched it, in order. */
function touchedSectors(changes: readonly Change[]): Map<number, number[]> {
  const sectors = new Map<number, number[]>();
  for (const [index, change] of changes.entries()) {
    const [from, to] =
      change.kind === 'write'
        ? [change.position, change.position + change.bytes.byteLength]
        : [change.size, change.sizeBefore];
    for (let sector = Math.floor(from / SECTOR_BYTES); sector * SECTOR_BYTES < to; sector++) {
      const touching = sectors.get(sector);
      if (touching === undefined) sectors.set(sector, [index]);
      else touching.push(index);
    }
  }
  return sectors;
}

/** How many of a sector's changes survive: at least to the last truncation that was kept, not past one that was lost. */
function keptCount(
  changes: readonly Change[],
  touching: readonly number[],
  keptSizes: number,
  random: SeededRandom,
  keep: number,
): number {
  let least = 0;
  let most = touching.length;
  for (const [order, index] of touching.entries()) {
    if (changes[index]?.kind !== 'truncate') continue;
    if (index < keptSizes) {
      least = order + 1;
    } else {
      most = order;
      break;
    }
  }
  return random.chance(keep) ? most : random.int(least, most);
}
