import type { JsonObject } from '../../machines/json.ts';
import type { Change } from '../host/definition.ts';

/** Codes of our own and of adapters; what is not like one may be anything, also a secret (contract 10.4). */
const CODE = /^[a-z][a-z0-9_]{0,47}$/;

/** Why an attempt to upload failed; null for every other event. */
export function codeOf({ type, payload }: Change['event']): string | null {
  if (type === 'upload.crashed' || type === 'attach.crashed') return 'internal_error';
  if (type === 'backend.refused') return asCode(payload['code']);
  if (type !== 'upload.failed' && type !== 'attach.failed') return null;
  return asCode((payload['output'] as JsonObject | undefined)?.['code']);
}

/** The code if it is one, else `other`. */
export function asCode(code: unknown): string {
  return typeof code === 'string' && CODE.test(code) ? code : 'other';
}

/** The upload ended as `failed` by this step. */
export function hasGivenUp({ before, after }: Change): boolean {
  return liveOf(after) === 'failed' && (before === null || liveOf(before) !== 'failed');
}

function liveOf({ value }: Change['after']): string | undefined {
  const { transfer } = value as { readonly transfer?: { readonly live?: string } | string };
  return typeof transfer === 'object' ? transfer.live : undefined;
}
