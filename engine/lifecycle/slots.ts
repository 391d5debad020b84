/** How many uploads this runner has under way, of how many at most (contract 3.4). */
export interface UploadSlots {
  readonly total: number;
  readonly free: number;
  /** Runs `work` in a slot and gives the slot back. */
  use<T>(work: () => Promise<T>): Promise<T>;
  /** Called each time a slot falls free. */
  onFree(listener: () => void): void;
}

export function createUploadSlots(total: number): UploadSlots {
  let used = 0;
  const listeners: (() => void)[] = [];
  return {
    total,
    get free() {
      return Math.max(0, total - used);
    },
    async use(work) {
      used += 1;
      try {
        return await work();
      } finally {
        used -= 1;
        for (const listener of listeners) listener();
      }
    },
    onFree: (listener) => void listeners.push(listener),
  };
}
