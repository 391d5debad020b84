import type { Reader } from './reader.ts';

/** What a walk finds on its way: told as soon as it is known, and what listens may throw to end the walk. */
export interface Found {
  /** From a header; several where a file holds several pictures. */
  dimensions(width: number, height: number): void;
  /** Something that may hold a location cannot be changed: the walk goes on if this returns. */
  stuck(why: string): void;
}

/**
 * Walks once through a picture and gives it again with its location removed (contract 10.5): every other byte stays
 * what it is, and where it is unless the format holds no offsets. Memory is bounded.
 */
export type Walk = (reader: Reader, found: Found) => AsyncGenerator<Uint8Array>;
