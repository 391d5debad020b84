import type { AttachmentFacts } from '../../machines/attachment/facts.ts';
import { isSourceLost } from './faults.ts';
import type { Reason } from './reason.ts';

/** What to do about an attachment. */
export interface Advice {
  /** A sentence or two. */
  readonly text: string;
  /** Whether it will not go on before a person does something. */
  readonly needsPerson: boolean;
}

/** From where it stands to what somebody can do; pure. */
export function adviceOf(
  facts: Pick<AttachmentFacts, 'situation' | 'error' | 'local'>,
  reason: Reason | undefined,
): Advice {
  if (facts.situation === 'failed') return forFailure(facts);
  if (facts.situation === 'leftover') {
    return person(
      `${fix(facts.error?.code) ?? 'See why the remote refuses the removal'}; the next start of the app tries again. If nothing helps, delete the object at the remote by hand.`,
    );
  }
  if (reason !== undefined) return byReason[reason];
  if (facts.situation === 'purged') return nothing('Nothing: it is gone.');
  if (facts.situation === 'uploaded') return nothing('Nothing: it has arrived.');
  return nothing('Nothing: it is under way.');
}

const nothing = (text: string): Advice => ({ text, needsPerson: false });
const person = (text: string): Advice => ({ text, needsPerson: true });

const byReason: Readonly<Record<Reason, Advice>> = {
  link: nothing(
    'Nothing, or save the form that it was taken for. An abandoned draft is cleaned up by itself.',
  ),
  author: person(
    'Open the app on the device that captured it, with a network, until it shows as uploaded there.',
  ),
  resume: person('End the pause in the app: for this attachment, or for all uploads.'),
  account: person('Sign in again with the account that captured it; another one never uploads it.'),
  network: nothing('Nothing, or bring the device to a network: it goes on by itself.'),
  unmetered_network: nothing('Nothing, or connect to Wi-Fi: it goes on by itself.'),
  remote: nothing(
    'Nothing: it goes on by itself when the remote answers again. If that takes long, look at the remote.',
  ),
  slot: nothing('Nothing: it is next when others are done.'),
  backoff: nothing('Nothing: it tries again by itself; “Retry sync” tries at once.'),
  credentials: person('Sign in again in the app, so that it gets new credentials.'),
  retry: person('Use “Retry sync” in the app, or start it again.'),
  bytes: person('Add the file again: its bytes are lost on this device.'),
  undo: nothing('Nothing, or undo the removal in the app while there is time.'),
  late_arrival: nothing('Nothing: it looks again by itself.'),
  runner: person('Open the app on this device with a network, signed in, and not paused.'),
};

function forFailure({ error }: Pick<AttachmentFacts, 'error'>): Advice {
  if (error === null) return byReason.retry;
  const first = fix(error.code);
  if (isSourceLost(error)) return byReason.bytes;
  if (error.class === 'remote') {
    return person(
      'See whether another device still has the file, and add it again there; nothing is left here or at the remote.',
    );
  }
  if (error.code === 'object_gone') {
    return person(
      'See whether another device still has the file, and add it again there; then remove this one. The backend deleted its object before it heard of this ref.',
    );
  }
  if (error.class === 'backend') {
    return person(
      'See why the backend refuses it: its reason is above. Then use “Retry sync”, or remove the attachment.',
    );
  }
  if (error.class === 'bug') {
    return person('Report it with `lading export ID`. “Retry sync” tries again meanwhile.');
  }
  if (first !== undefined) return person(`${first}, then retry this attachment.`);
  if (error.class === 'auth') return person('Sign in again, then use “Retry sync”.');
  return error.retryable
    ? person('See whether the remote works and can be reached from here, then use “Retry sync”.')
    : person(
        'A retry alone does not help: change what the remote refuses, or remove the attachment and add another file.',
      );
}

/** Causes that have a remedy of their own. */
const fixes: Readonly<Record<string, string>> = {
  too_large: 'Raise the size limit of the server, or of the proxy before it',
  unsupported_type: 'Let the server accept this content type',
  forbidden: 'Give the account the right to upload',
  endpoint_missing: 'Correct the upload address that the app was built with',
  redirect_refused: 'Correct the upload address: it redirects elsewhere',
  remote_full: 'Make space at the remote',
  disk_full: 'Free some space on the device',
  outcome_unknown:
    'See whether the file is at the remote; if it is, remove this attachment, for a retry sends it once more. If it is not',
  location_missing:
    'Tell the app where the server puts what it stores (`read` or `look` of the remote)',
  size_missing: 'Tell the app how to read what the server says of an object (`read` of the remote)',
  address_invalid: 'Correct the upload address that the app makes',
  clock_skewed: 'Set the clock of the device',
  other_content: 'See what lies at the remote in the place of this file, and remove it there',
  bucket_missing: 'Create the bucket, or correct its name in the app',
  wrong_region: 'Correct the region or the endpoint of the bucket in the app',
  access_key_unknown: 'Give the app an access key that the store knows',
  signature_refused: 'Correct the secret key that requests are signed with',
  sign_refused: 'Let the server that signs requests sign this one',
  sign_mismatch: 'Correct the server that signs: it signed another request than it was asked for',
  not_implemented: 'Use a store that knows this request',
  host_not_found:
    'See whether the device has a network and whether the name of the host in the upload address is right',
  host_unreachable: 'See whether the server runs, and whether a firewall lets this device reach it',
  tls_failed:
    'See whether the certificate of the server is valid, whether the clock of the device is right, and whether the network wants a login first',
  not_the_remote:
    'Log in to the network, or use another one: something answers in the remote’s place',
};

function fix(code: string | undefined): string | undefined {
  return code !== undefined && Object.hasOwn(fixes, code) ? fixes[code] : undefined;
}
