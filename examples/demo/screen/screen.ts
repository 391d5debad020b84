import type { Check } from '../judge/proof.ts';
import type { ShownItem } from '../messages.ts';

/** What the user sees: a live table in a terminal, plain lines anywhere else. */
export interface Screen {
  /** A chapter begins. */
  step(text: string): void;
  /** It ended as `text` says. */
  done(text: string): void;
  captured(path: string, mediaId: string): void;
  shown(items: readonly ShownItem[]): void;
  /** The app was killed: what it showed last is no longer true. */
  killed(text: string): void;
  proof(): void;
  check(check: Check): void;
  verdict(holds: boolean, tookMs: number): void;
  problem(text: string): void;
  /** Long enough to read, where somebody reads. */
  pause(): Promise<void>;
  close(): void;
}

export function verdictText(holds: boolean, took: string): string {
  return holds
    ? `The proof holds: nothing lost, nothing doubled, nothing sent twice. ${took}`
    : `The proof does NOT hold: see above. ${took}`;
}
