import type { Transport } from '../transport/exchange.ts';
import type { TusPhase } from './classify.ts';

/** What every request of one tus remote shares. */
export interface TusHttp extends Transport<TusPhase> {
  readonly endpoint: URL;
  readonly server: ServerTraits;
}

/** What this server was seen to do, or is said to. Changes while uploads run. */
export interface ServerTraits {
  /** Uploads lie where their ids say, and an id is created once: `ladingTusHooks`, or hooks like them. */
  hasHooks: boolean;
  /** Takes bytes with a creation; believed until seen otherwise. */
  takesBytes: boolean;
  /** Whether `hasHooks` may be learnt. */
  readonly learns: boolean;
}

/** Every request but those of tus-js-client, which sets it itself. */
export const TUS_VERSION = { 'Tus-Resumable': '1.0.0' } as const;
