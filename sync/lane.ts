/** One at a time, in the order they came. */
export interface Lane {
  run<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * Pushes and pages of pulls take turns: a page that was read at the backend before an op was acknowledged, and is
 * applied after it, would show what the op has changed already.
 */
export function createLane(): Lane {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(work) {
      const next = last.then(work, work);
      last = next.catch(() => {});
      return next;
    },
  };
}
