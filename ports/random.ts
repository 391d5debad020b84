/** Chance. Seeded in tests and in the simulator. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `length` random bytes. */
  bytes(length: number): Uint8Array;
}

/** Chance from the platform's cryptographic source. */
export const systemRandom: Random = {
  next() {
    const [high = 0, low = 0] = globalThis.crypto.getRandomValues(new Uint32Array(2));
    return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
  },
  bytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
};
