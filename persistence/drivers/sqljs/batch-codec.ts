import type { SqlValue } from '../../../ports/sql.ts';

/** One statement that changed the database, as it is carried out again when the journal is replayed. */
export interface JournalEntry {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  /** Rows that it changed, triggers included; another number at the replay means that the replay went astray. */
  readonly changes: number;
}

/**
 * The texts that a journal has named so far. An app runs some hundred different statements a million times: each is
 * written once for a journal, and by its number from then on.
 */
export class StatementNames {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  numberOf(sql: string): number | undefined {
    return this.#numbers.get(sql);
  }

  textOf(number: number): string | undefined {
    return this.#texts[number];
  }

  get count(): number {
    return this.#texts.length;
  }

  add(sql: string): void {
    this.#numbers.set(sql, this.#texts.length);
    this.#texts.push(sql);
  }

  /** Takes back all but the first `count`: they were named in a frame that was not committed. */
  forgetAfter(count: number): void {
    for (const sql of this.#texts.splice(count)) this.#numbers.delete(sql);
  }
}

/** The statements of one transaction as bytes; texts that are new are added to `names`. */
export function encodeBatch(entries: readonly JournalEntry[], names: StatementNames): Uint8Array {
  const writer = new Writer();
  for (const { sql, params, changes } of entries) {
    const known = names.numberOf(sql);
    if (known === undefined) {
      names.add(sql);
      writer.byte(NAMED_HERE);
      writer.text(sql);
    } else {
      writer.byte(NAMED_BEFORE);
      writer.uint32(known);
    }
    writer.uint32(changes);
    writer.uint32(params.length);
    for (const value of params) writer.value(value);
  }
  return writer.bytes();
}

/** @throws {RangeError} when the bytes are not what {@link encodeBatch} makes. */
export function decodeBatch(bytes: Uint8Array, names: StatementNames): readonly JournalEntry[] {
  const reader = new Reader(bytes);
  const entries: JournalEntry[] = [];
  while (!reader.isAtEnd) {
    let sql: string | undefined;
    if (reader.byte() === NAMED_HERE) {
      sql = reader.text();
      names.add(sql);
    } else {
      sql = names.textOf(reader.uint32());
    }
    if (sql === undefined) throw new RangeError('a statement that was never named');
    const changes = reader.uint32();
    const params = Array.from({ length: reader.uint32() }, () => reader.value());
    entries.push({ sql, params, changes });
  }
  return entries;
}

const NAMED_HERE = 0;
const NAMED_BEFORE = 1;
const [NULL, NUMBER, TEXT, BLOB] = [0, 1, 2, 3] as const;

class Writer {
  #buffer = new Uint8Array(1024);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  byte(value: number): void {
    const at = this.#advance(1);
    this.#view.setUint8(at, value);
  }

  uint32(value: number): void {
    const at = this.#advance(4);
    this.#view.setUint32(at, value, true);
  }

  text(value: string): void {
    this.#sized(encoder.encode(value));
  }

  value(value: SqlValue): void {
    if (value === null) {
      this.byte(NULL);
    } else if (typeof value === 'number') {
      this.byte(NUMBER);
      const at = this.#advance(8);
      this.#view.setFloat64(at, value, true);
    } else if (typeof value === 'string') {
      this.byte(TEXT);
      this.text(value);
    } else {
      this.byte(BLOB);
      this.#sized(value);
    }
  }

  #sized(bytes: Uint8Array): void {
    this.uint32(bytes.byteLength);
    const at = this.#advance(bytes.byteLength);
    this.#buffer.set(bytes, at);
  }

  /** Makes room for `count` bytes; returns where they begin. Called before the view is used: it may be replaced. */
  #advance(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.byteLength) {
      const grown = new Uint8Array(Math.max(this.#length, this.#buffer.byteLength * 2));
      grown.set(this.#buffer.subarray(0, at));
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.byteLength;
  }

  byte(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  text(): string {
    return decoder.decode(this.#sized());
  }

  value(): SqlValue {
    switch (this.byte()) {
      case NULL:
        return null;
      case NUMBER:
        return this.#view.getFloat64(this.#advance(8), true);
      case TEXT:
        return this.text();
      case BLOB:
        return this.#sized().slice();
      default:
        throw new RangeError('a value of no known kind');
    }
  }

  #sized(): Uint8Array {
    const length = this.uint32();
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  #advance(count: number): number {
    const at = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.byteLength) throw new RangeError('it ends too early');
    return at;
  }
}

const encoder = new TextEncoder();
/** A byte order mark at the beginning of a text is part of it. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
