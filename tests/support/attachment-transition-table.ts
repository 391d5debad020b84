/**
 * The machine's transition table, written by hand from the contract, region by region. Left: from which leaf; then
 * which events (any of those separated by commas) lead to which leaves (which of them, the facts decide: see the
 * comments). Events that are not listed leave the region's leaf as it is.
 *
 * `upload (ok)` is a service's answer, `(crash)` a throw or a dead letter, `after backoff` a timer.
 */
export type RegionTable = Readonly<Record<string, Readonly<Record<string, string>>>>;

export const referenceTable: RegionTable = {
  draft: {
    'ref.linked, ref.synced': 'linked',
    'cancelled, after draftGrace': 'gone',
  },
  linked: {
    // The last ref went; before that the leaf stays (contract 5.3).
    'ref.unlinked, ref.tombstoned': 'released',
    cancelled: 'gone',
  },
  released: {
    'ref.undone, ref.linked, ref.synced': 'linked',
    'cancelled, after undoGrace': 'gone',
  },
};

/** Nothing to remove when this device sent nothing, or when the object was attached (contract 5.2). */
const ENDED = 'none, removing';

/** queued: the backend deleted the object, and the bytes are here (contract 5.2). */
const REFUSED = 'failed, queued';

export const transferTable: RegionTable = {
  parked: {
    // failed: the bytes went missing meanwhile.
    'ref.linked, ref.synced, ref.undone': 'queued, failed',
    'cancelled, after undoGrace': ENDED,
    'after draftGrace': 'none',
  },
  awaitingAuthor: {
    'remote.located': 'uploaded',
    'backend.refused': 'failed',
    // The device turns out to be the author; parked: released meanwhile.
    'bytes.given': 'queued, parked',
    'cancelled, after draftGrace, after undoGrace': 'none',
  },
  queued: {
    // attaching: the receipt is in the log already (contract 3.5).
    'upload.started': 'uploading, attaching',
    'bytes.missing, backend.refused': 'failed',
    'ref.unlinked, ref.tombstoned': 'parked',
    cancelled: ENDED,
  },
  // Waiting states go on through release and undo; what they wait for ends in `parked` while nothing is linked.
  waiting: {
    'after backoff, retry.requested': 'queued, parked, failed',
    'backend.refused': REFUSED,
    'cancelled, after undoGrace': ENDED,
  },
  awaitingCredentials: {
    'credentials.changed, retry.requested': 'queued, parked, failed',
    'backend.refused': REFUSED,
    'cancelled, after undoGrace': ENDED,
  },
  uploading: {
    'upload (ok with url)': 'uploaded',
    'upload (ok)': 'attaching',
    // failed: the bytes went missing while they were sent.
    'upload (offline)': 'queued, failed',
    // failed: the third refusal under ever newer credentials (contract 4.4).
    'upload (auth)': 'awaitingCredentials, failed',
    // failed: attempts or age past the field's patience (contract 4.5).
    'upload (retryable), upload (resume_lost), upload (mismatch)': 'waiting, failed',
    'upload (terminal), upload (crash)': 'failed',
    'backend.refused': REFUSED,
    'upload.interrupted, held': 'queued',
    'ref.unlinked, ref.tombstoned': 'parked',
    cancelled: ENDED,
  },
  attaching: {
    'attach (ok)': 'uploaded',
    'attach (offline), upload.interrupted, held': 'queued',
    'attach (auth)': 'awaitingCredentials, failed',
    'attach (retryable), attach (mismatch)': 'waiting, failed',
    'attach (terminal), attach (crash)': 'failed',
    'backend.refused': REFUSED,
    'ref.unlinked, ref.tombstoned': 'parked',
    cancelled: ENDED,
  },
  uploaded: {
    // With bytes it is sent again, without it has failed.
    'remote.missing': 'queued, parked, failed',
    'download (absent)': 'failed',
    'backend.refused': REFUSED,
    'cancelled, after draftGrace, after undoGrace': 'none',
  },
  failed: {
    // uploaded: the object has a locator; it is looked for again, or its ref is offered again.
    'retry.requested': 'queued, parked, uploaded',
    'remote.located': 'uploaded',
    // With its bytes back, what the backend refused for its object is sent again.
    'download (ok)': 'uploaded, queued, parked',
    'backend.refused': 'queued',
    'bytes.found, evict (busy), evict (crash)': 'queued, parked',
    'cancelled, after undoGrace': ENDED,
    'after draftGrace': 'none',
  },
  removing: {
    // none: the second look found nothing more (contract 5.2).
    'removeRemote (ok)': 'settling, none',
    'removeRemote (offline)': 'removeWaiting',
    'removeRemote (auth)': 'removeAwaitingCredentials',
    'removeRemote (retryable)': 'removeWaiting, leftover',
    'removeRemote (terminal), removeRemote (crash)': 'leftover',
  },
  removeWaiting: { 'after removeBackoff, retry.requested': 'removing' },
  removeAwaitingCredentials: { 'credentials.changed, retry.requested': 'removing' },
  settling: { 'after lateArrival': 'removing' },
  leftover: { 'retry.requested': 'removing' },
};

const GONE = { 'cancelled, after draftGrace, after undoGrace': 'purging' };

export const localCopyTable: RegionTable = {
  present: {
    // The first two on request, the others where the field drops bytes at once.
    'evict.requested, unpinned': 'evicting',
    'upload (ok with url), attach (ok), remote.located, retry.requested': 'evicting',
    'bytes.missing': 'evicted, downloading, missing',
    ...GONE,
  },
  evicting: {
    // downloading: pinned or read meanwhile (contract 6).
    'evict (ok), evict (absent)': 'evicted, downloading',
    'evict (busy), evict (crash)': 'inUse',
    ...GONE,
  },
  inUse: {
    'after busyWait': 'present, evicting',
    'bytes.missing': 'evicted, downloading, missing',
    ...GONE,
  },
  evicted: {
    'read.requested, pinned, retry.requested': 'downloading',
    'bytes.found': 'present, evicting',
    ...GONE,
  },
  downloading: {
    'download (ok)': 'inUse',
    'download (offline)': 'downloadWaiting',
    'download (auth)': 'downloadAwaitingCredentials',
    'download (retryable), download (mismatch)': 'downloadWaiting, evicted',
    'download (absent), download (terminal), download (crash)': 'evicted',
    ...GONE,
  },
  downloadWaiting: {
    // evicted: nobody wants the bytes any more.
    'after downloadBackoff': 'downloading, evicted',
    'retry.requested': 'downloading',
    ...GONE,
  },
  downloadAwaitingCredentials: {
    'credentials.changed, retry.requested': 'downloading',
    ...GONE,
  },
  missing: {
    'bytes.found, bytes.given': 'present',
    'upload (ok with url), attach (ok), remote.located': 'evicted, downloading',
    ...GONE,
  },
  purging: {
    'purge (ok)': 'purged',
    'purge (busy), purge (crash)': 'purgeWaiting',
  },
  purgeWaiting: { 'after purgeBackoff, retry.requested': 'purging' },
};

/** The table as single moves: `leaf | event | next leaf`, sorted. */
export function movesOf(table: RegionTable): readonly string[] {
  return Object.entries(table)
    .flatMap(([from, rows]) =>
      Object.entries(rows).flatMap(([events, targets]) =>
        events
          .split(', ')
          .flatMap((event) => targets.split(', ').map((to) => `${from} | ${event} | ${to}`)),
      ),
    )
    .toSorted();
}
