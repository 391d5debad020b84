import type { Verdict } from './verdict.ts';

/** One upload, as the pace hears of it. */
export interface PacedUpload {
  /** It goes on, for longer than silence is borne: the link takes what is under way. */
  lasts(): void;
  ended(verdict: Verdict, wentWell: boolean): void;
}

/**
 * How many uploads at once the link takes, found by trying: one more after each round of successes, half as many after
 * a failure that more at once would only make worse (field case 28). Never less than one, never more than `most`.
 */
export interface Pace {
  readonly limit: number;
  /** Notes that an upload begins. */
  begin(): PacedUpload;
  /** The remote was silent for so long that nothing is known any more: it begins with one. */
  restart(): void;
}

export function createPace(most: number): Pace {
  let limit = most;
  let successes = 0;
  /** Of uploads that ran side by side, one failure counts: the others began before anybody slowed down. */
  let cuts = 0;

  function cutTo(next: number): void {
    limit = next;
    successes = 0;
    cuts += 1;
  }

  function goesWell(): void {
    successes += 1;
    if (successes < limit || limit === most) return;
    successes = 0;
    limit += 1;
  }

  return {
    get limit() {
      return limit;
    },
    begin() {
      const known = cuts;
      return {
        // Also of what began before the cut: it is the one that now has the link.
        lasts: goesWell,
        ended(verdict, wentWell) {
          if (known !== cuts) return;
          if (verdict === 'failed') cutTo(Math.max(1, Math.floor(limit / 2)));
          else if (wentWell) goesWell();
        },
      };
    },
    restart: () => cutTo(1),
  };
}
