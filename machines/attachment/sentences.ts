import type { FaultRecord } from './context.ts';

/**
 * What a user reads about an error code: what happened, and what to do next. Defaults; an app translates by code.
 * Storage guardrails keep their own sentences (contract 7.4).
 */
const sentences: Readonly<Record<string, string>> = {
  source_missing: 'The file is no longer on this device. Please add it again.',
  source_changed: 'The file on this device was changed. Please add it again.',
  source_unreadable: 'The file on this device could not be read. Please try again.',
  remote_missing: 'The file is neither on this device nor on the server.',
  object_gone: 'The file was deleted on the server. Please add it again.',
  too_large: 'The server does not accept files of this size.',
  unsupported_type: 'The server does not accept files of this type.',
  other_content: 'The server already holds a different file in this place.',
  remote_full: 'The server has no space left. Please try again later.',
  endpoint_missing: 'The upload address is wrong. Please tell your support.',
  forbidden: 'The server does not allow this upload.',
  outcome_unknown: 'The server may already have this file. Please check, then try again.',
  internal_error: 'Something went wrong in the app. Please try again.',
};

/** Where a code has no sentence of its own, its class speaks. */
const byClass: Readonly<Record<FaultRecord['class'], string>> = {
  retryable: 'The server could not be reached for a long time. Please try again.',
  offline: 'There is no connection to the server.',
  auth: 'The server does not accept the sign-in. Please sign in again and retry.',
  resume_lost: 'The server lost the unfinished upload. Please try again.',
  terminal: 'The server refused this file.',
  mismatch: 'What arrived at the server differs from the file. Please try again.',
  busy: 'The file is in use. Please try again.',
  absent: 'The server does not have this file.',
  source: 'The file is no longer on this device. Please add it again.',
  remote: 'The file is neither on this device nor on the server.',
  backend: 'The server did not accept this attachment.',
  bug: 'Something went wrong in the app. Please try again.',
};

/**
 * The sentence for a fault. The backend's own words, where it gave any, come from the app and are kept.
 * @param translations the app's sentences, by code or by class.
 */
export function sentenceOf(
  fault: Pick<FaultRecord, 'class' | 'code' | 'message'>,
  translations: Readonly<Record<string, string>> = {},
): string {
  if (fault.class === 'backend' && fault.message !== null && fault.message !== '') {
    return fault.message;
  }
  return (
    said(translations, fault.code) ??
    said(translations, fault.class) ??
    said(sentences, fault.code) ??
    byClass[fault.class]
  );
}

/** Codes come from remotes and backends: `constructor` must not find what every object has. */
function said(by: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(by, key) ? by[key] : undefined;
}
