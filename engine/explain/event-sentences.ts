import type { AttachmentCommand } from '../../machines/attachment/events.ts';
import { compactedSentences } from './compacted-sentences.ts';
import { textOf } from './faults.ts';
import { resultSentences } from './result-sentences.ts';
import type { Tell, Turn } from './turn.ts';
import { quoted, sizeOf } from './words.ts';

/** What an event of the log was, in one sentence or a few; every type has its own (contract 9.5). */
export function eventSentence(turn: Turn): string {
  const tell = Object.hasOwn(told, turn.type) ? told[turn.type] : undefined;
  // A log may hold types of versions to come; those that this one cannot even read are refused before (contract 9.4).
  return tell?.(turn) ?? `${at(turn)}, this was noted: ${quoted(turn.type)}.`;
}

/** Event types that have a sentence of their own. */
export function toldTypes(): readonly string[] {
  return Object.keys(told);
}

const at = ({ words, at: time }: Turn): string => `At ${words.time(time)}`;

const created: Tell = (turn) => {
  const { media, origin, url } = turn.after.context;
  const what = `${sizeOf(media.byteSize)} ${quoted(media.contentType)}`;
  const when = turn.words.time(turn.at);
  if (turn.before !== null) {
    const bytes =
      url === null
        ? origin === 'here'
          ? 'the bytes are on no device any more'
          : 'that device had not uploaded it yet'
        : 'its bytes are at the remote';
    return `It had been gone, and came back ${when}: another device refers to it; ${bytes}.`;
  }
  if (origin === 'here') return `Captured ${when} on this device, ${what}.`;
  const known = media.byteSize === 0 ? quoted(media.contentType) : what;
  return url === null
    ? `First heard of ${when}, from another device that had not uploaded it yet, ${known}.`
    : `First heard of ${when}, from another device that had uploaded it, ${known}.`;
};

const unlinked: Tell = (turn) => {
  const owner = turn.owner(turn.payload['owner']);
  const what: Readonly<Record<string, string>> = {
    removed: `it was removed from ${owner}`,
    replaced: `a newer file took its place in ${owner}`,
    owner_deleted: `${owner} was deleted`,
  };
  const reason = textOf(turn.payload['reason']);
  return `${at(turn)}, ${what[reason] ?? what['removed']}.${release(turn)}`;
};

/** What follows when nothing refers to it any more. */
function release({ after, words }: Turn): string {
  const { situation, until } = after.facts;
  if (situation !== 'released' || until === null) return '';
  return ` Nothing refers to it now; until ${words.time(until)} that can be undone.`;
}

/** The backend deleted the object, and the bytes are still here. */
function sending({ before, after }: Turn): string {
  return before?.context.sentAfter === after.context.sentAfter
    ? ''
    : ' Its bytes are still on this device: they are sent again.';
}

const started: Tell = (turn) => {
  const { facts, context } = turn.after;
  return facts.situation === 'attaching'
    ? `${at(turn)}, the remote had the bytes already; the last step began again: verifying them and getting their address.`
    : `Upload attempt ${context.attempts + 1} began at ${turn.words.time(turn.at)}.`;
};

const interrupted: Tell = (turn) => {
  const why: Readonly<Record<string, string>> = {
    offline: 'the network went away',
    paused: 'uploads were paused',
    metered: 'the link costs by the byte now',
    signed_out: 'its account signed out',
  };
  const reason = textOf(turn.payload['reason']);
  const known = why[reason] ?? (reason === '' ? 'its process ended' : quoted(reason));
  return `The upload was interrupted at ${turn.words.time(turn.at)}: ${known}. That counts as no attempt.`;
};

const missing: Tell = (turn) =>
  `${at(turn)}, the remote was asked and did not have the object. ${
    turn.after.facts.situation === 'failed'
      ? 'No bytes are here either.'
      : 'The bytes are here, so it will be uploaded again.'
  }`;

const plain =
  (words: string): Tell =>
  (turn) =>
    `${at(turn)}, ${words}.`;

const aboutOwner =
  (words: (owner: string, turn: Turn) => string): Tell =>
  (turn) =>
    `${at(turn)}, ${words(turn.owner(turn.payload['owner']), turn)}.`;

const commands: Readonly<Record<AttachmentCommand['type'], Tell>> = {
  'ref.linked': aboutOwner(
    (owner, { payload }) =>
      `it was linked to ${owner}${payload['isPrimary'] === true ? ', as its primary image' : ''}`,
  ),
  'ref.unlinked': unlinked,
  'ref.undone': aboutOwner((owner) => `its removal from ${owner} was taken back`),
  'ref.moved': aboutOwner((owner) => `it was moved to another place in ${owner}`),
  'ref.primary': aboutOwner((owner, { payload }) =>
    payload['isPrimary'] === true
      ? `it became the primary image of ${owner}`
      : `it stopped being the primary image of ${owner}`,
  ),
  'ref.synced': aboutOwner((owner) => `news from the backend said that ${owner} holds it`),
  'ref.tombstoned': (turn) =>
    `${at(turn)}, news from the backend said that another device removed it from ${turn.owner(turn.payload['owner'])}.${release(turn)}`,
  cancelled: plain('it was cancelled: everything of it goes, without undo'),
  'upload.started': started,
  'upload.opened': plain(
    'the remote opened a resumable upload: an interruption goes on where it stood',
  ),
  'upload.interrupted': interrupted,
  'retry.requested': plain('a retry was asked for, by a person or by a start of the app'),
  held: plain('the user paused it'),
  resumed: plain('the user ended its pause'),
  'credentials.changed': plain('new credentials were there, and it went on'),
  preferred: plain('the user wanted it sent before others'),
  'network.waived': plain('the user let it go over any network'),
  'backend.refused': (turn) => {
    const message = quoted(textOf(turn.payload['message'])).replace(/\.$/, '');
    const code = quoted(textOf(turn.payload['code']), 60);
    return `${at(turn)}, the backend refused it${message === '' ? '' : `, saying “${message}”`} (${code}).${sending(turn)}`;
  },
  'remote.located': plain('news from the backend brought its address at the remote'),
  'remote.missing': missing,
  pinned: plain('it was pinned: its bytes stay on this device'),
  unpinned: plain('it was unpinned: its bytes may leave this device once they are uploaded'),
  'evict.requested': plain('its local bytes were to make room, since the remote has them'),
  'read.requested': plain('somebody wanted to read it, and its bytes were not here'),
  'bytes.missing': plain('its bytes were looked for on this device, and were not there'),
  'bytes.found': plain('its bytes turned up again on this device'),
  'bytes.given': (turn) => {
    const { media } = turn.after.context;
    return `${at(turn)}, its bytes came to this device, ${sizeOf(media.byteSize)} ${quoted(media.contentType)}: it uploads them itself.`;
  },
};

const told: Readonly<Record<string, Tell>> = {
  'attachment.created': created,
  ...commands,
  ...resultSentences,
  ...compactedSentences,
};
