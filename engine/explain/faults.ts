import type { FaultRecord } from '../../machines/attachment/context.ts';
import type { Json, JsonObject } from '../../machines/json.ts';
import { quoted } from './words.ts';

type Told = Pick<FaultRecord, 'class' | 'code'> & { readonly message?: string | null };

/** What went wrong, for whoever helps: a clause without a full stop, with the code at its end. */
export function faultWords(fault: Told): string {
  const own = Object.hasOwn(byCode, fault.code) ? byCode[fault.code] : undefined;
  const told = fault.message ?? '';
  const words = own ?? (told === '' ? (byClass[fault.class] ?? 'it failed') : asClause(told));
  return `${words} (${quoted(fault.code, 60)})`;
}

/** The fault of a stored answer `{ ok: false, … }`, or null. */
export function faultIn(output: Json | undefined): Told | null {
  const given = objectOf(output);
  if (given === null || given['ok'] !== false) return null;
  const message = given['message'];
  return {
    class: textOf(given['class']) as FaultRecord['class'],
    code: textOf(given['code']),
    message: typeof message === 'string' ? message : null,
  };
}

export function objectOf(value: Json | undefined): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : null;
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** "The server answered 503." within a sentence. */
function asClause(message: string): string {
  const text = quoted(message).replace(/\.$/, '');
  return /^(The|A|An|It|No|Nothing|That|This)\b/.test(text)
    ? `${text.charAt(0).toLowerCase()}${text.slice(1)}`
    : text;
}

/** Codes whose meaning is clearer than what an adapter says about them. */
const byCode: Readonly<Record<string, string>> = {
  source_missing: 'its bytes are not on this device any more',
  source_changed: 'its bytes on this device are not those that were captured',
  source_unreadable: 'its bytes on this device could not be read this time',
  hash_mismatch: 'the remote holds other bytes than were captured',
  credentials_refused: 'the sign-in had just been refused, and it was not sent under it',
  other_account: 'another account is signed in',
  remote_missing: 'the object is not at the remote',
  internal_error: 'a bug: a part of the app threw an error, or was given up after many runs',
  secrets_unavailable:
    'the keeper of secrets did not answer; the device or its keychain may be locked',
  handle_lost:
    'the address of its upload cannot be opened any more, and an unfinished upload may remain at the remote',
  metered: 'the link costs by the byte',
  no_slot: 'the uploads before it took longer than expected, and it was put back into the queue',
  remote_resting: 'the remote is left alone for a while, and was not asked',
  not_the_remote:
    'the answer did not come from the remote but from something in between, as in a hotel’s network',
};

const byClass: Readonly<Record<FaultRecord['class'], string>> = {
  retryable: 'the remote could not be reached, or did not do it this time',
  offline: 'there was no network',
  auth: 'the remote did not accept the sign-in',
  resume_lost: 'the remote forgot the unfinished upload',
  terminal: 'the remote refused it for good',
  mismatch: 'what the remote holds is not what was sent',
  busy: 'something else was using it',
  absent: 'it is not there',
  source: 'its bytes are not on this device any more',
  remote: 'the object is not at the remote, and no bytes are here',
  backend: 'the backend did not accept it',
  bug: 'a bug: a part of the app threw an error, or was given up after many runs',
};

/** The copy here is gone, or is not what was captured: whoever noticed it, there is nothing to send. */
export function isSourceLost(error: { readonly class: string; readonly code: string }): boolean {
  return error.class === 'source' || LOST.has(error.code);
}

const LOST: ReadonlySet<string> = new Set(['source_missing', 'source_changed']);
