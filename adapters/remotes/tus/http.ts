import type { Transport } from '../transport/exchange.ts';
import type { TusPhase } from './classify.ts';

/** What every request of one tus remote shares. */
export interface TusHttp extends Transport<TusPhase> {
  readonly endpoint: URL;
}

/** Every request but those of tus-js-client, which sets it itself. */
export const TUS_VERSION = { 'Tus-Resumable': '1.0.0' } as const;
