/** Slots kept for claims that are not durable yet. */
export interface Reservations {
  add(release: () => void): void;
  /** Gives all back that were not given back before; returns how many. */
  release(): number;
}

export function reservations(): Reservations {
  const kept: (() => void)[] = [];
  return {
    add: (release) => void kept.push(release),
    release() {
      const released = kept.splice(0);
      for (const give of released) give();
      return released.length;
    },
  };
}
