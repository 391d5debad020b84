import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttachmentRef } from 'lading';
import type { FinalReport, ShownItem, Traffic } from '../messages.ts';
import { bytes, exact } from '../screen/format.ts';
import type { ChosenFiles } from './files.ts';

/** What was seen from outside the app; the app's own word is taken for `report` only. */
export interface CommonEvidence {
  readonly chosen: ChosenFiles;
  readonly serverUrl: string;
  /** By path, the id that `capture` resolved with. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** The app's screen before there was a server. */
  readonly offline: readonly ShownItem[];
  /** The app's own table: before there was a server, right after the kill, at the end. */
  readonly rowsOffline: readonly AttachmentRef[];
  readonly rowsAfterKill: readonly AttachmentRef[];
  readonly rows: readonly AttachmentRef[];
  readonly appDirectory: string;
  readonly report: FinalReport;
  readonly traffic: Traffic;
}

export interface Evidence extends CommonEvidence {
  /** The upload in whose middle the app was killed, where the server stopped it, and what it had after the kill. */
  readonly heldId: string;
  readonly holdAt: number;
  readonly resumeFrom: number;
}

/** Of `--chaos`: what the proxy before the server counted. */
export interface ChaosEvidence extends CommonEvidence {
  readonly kills: number;
  /** All bytes that the app sent, heads included, and its requests. */
  readonly sentBytes: number;
  readonly requests: number;
  /** Requests with bytes that broke on their way, or whose app was killed. */
  readonly broken: number;
}

export interface Check {
  readonly ok: boolean;
  readonly title: string;
  /** The numbers, or what is wrong. */
  readonly detail: string;
}

export async function proofOf(evidence: Evidence): Promise<readonly Check[]> {
  return [
    workedOffline(evidence),
    survived(evidence, 'Nothing lost by the kill', 'right after it'),
    rowsHoldRemoteUrls(evidence),
    onceAtTheServer(evidence),
    await sameBytes(evidence),
    resumed(evidence),
    notSentTwice(evidence),
    verified(evidence),
    await nothingLeft(evidence),
  ];
}

export async function proofOfChaos(evidence: ChaosEvidence): Promise<readonly Check[]> {
  const kills = `right after each of ${evidence.kills}`;
  return [
    workedOffline(evidence),
    survived(evidence, 'Nothing lost by the kills', kills),
    rowsHoldRemoteUrls(evidence),
    onceAtTheServer(evidence),
    await sameBytes(evidence),
    sentAgain(evidence),
    verified(evidence),
    await nothingLeft(evidence),
  ];
}

function workedOffline({ chosen, offline, rowsOffline }: CommonEvidence): Check {
  const waiting = offline.filter(
    ({ state, waitingFor }) => state === 'local_only' && waitingFor === 'network',
  ).length;
  const linked = rowsOffline.filter(({ url, mediaId }) => url === `offline://${mediaId}`).length;
  const count = chosen.files.length;
  return check(
    'Captured with no network',
    waiting === count && linked === count,
    `${waiting} of ${count} showed "local only, waiting for network"; ${linked} offline refs in the app's table`,
  );
}

function survived(
  { acknowledged, rowsAfterKill }: CommonEvidence,
  title: string,
  when: string,
): Check {
  const kept = new Set<string>(rowsAfterKill.map(({ mediaId }) => mediaId));
  const lost = [...acknowledged.values()].filter((id) => !kept.has(id)).length;
  return check(
    title,
    lost === 0 && kept.size === acknowledged.size,
    `${acknowledged.size - lost} of ${acknowledged.size} acknowledged captures in the app's table ${when}`,
  );
}

function rowsHoldRemoteUrls({ chosen, rows, acknowledged, serverUrl }: CommonEvidence): Check {
  const ids = new Set(acknowledged.values());
  const remote = rows.filter(
    ({ url, mediaId }) => url.startsWith(`${serverUrl}/files/`) && ids.has(mediaId),
  ).length;
  const count = chosen.files.length;
  return check(
    "Every ref in the app's table is remote",
    remote === count && rows.length === count,
    `${remote} of ${count} refs rewritten to their url, ${rows.length - remote} others`,
  );
}

function onceAtTheServer({ chosen, traffic, rows }: CommonEvidence): Check {
  const complete = traffic.uploads.filter(
    ({ sizeBytes, storedBytes }) => sizeBytes === storedBytes && sizeBytes > 0,
  ).length;
  const once = traffic.uploads.filter(({ creations }) => creations === 1).length;
  const named = new Set(rows.map(({ url }) => url)).size;
  const count = chosen.files.length;
  return check(
    'Every file is at the server once',
    [complete, once, named, traffic.uploads.length].every((number) => number === count),
    `${count} files, ${traffic.uploads.length} objects, ${complete} complete, ${once} created exactly once`,
  );
}

/** Reads every object back by the url in the app's table, and holds it against the file that the user has. */
async function sameBytes({ chosen, rows, acknowledged }: CommonEvidence): Promise<Check> {
  const wrong: string[] = [];
  for (const { path, name, sha256 } of chosen.files) {
    const url = rows.find(({ mediaId }) => mediaId === acknowledged.get(path))?.url;
    if (url === undefined || (await hashOf(url)) !== sha256) wrong.push(name);
  }
  const count = chosen.files.length;
  const numbers = `${count - wrong.length} of ${count} have the SHA-256 of the original, read back over HTTP`;
  return check(
    'Every file is there byte for byte',
    wrong.length === 0,
    wrong.length === 0 ? numbers : `${numbers}; not: ${wrong.join(', ')}`,
  );
}

async function hashOf(url: string): Promise<string | undefined> {
  if (!URL.canParse(url) || !url.startsWith('http')) return undefined;
  const answer = await fetch(url);
  if (!answer.ok || answer.body === null) return undefined;
  const hash = createHash('sha256');
  for await (const chunk of answer.body) hash.update(chunk);
  return hash.digest('hex');
}

function resumed({ chosen, traffic, heldId, holdAt, resumeFrom }: Evidence): Check {
  const upload = traffic.uploads.find(({ id }) => id === heldId);
  const [before, after, ...more] = upload?.parts ?? [];
  const { name, sizeBytes } = chosen.largest;
  return check(
    'Resumed at the byte where it stood',
    before?.fromByte === 0 &&
      after?.fromByte === resumeFrom &&
      resumeFrom === holdAt &&
      more.length === 0,
    `${name}: ${exact(resumeFrom)} of ${exact(sizeBytes)} bytes at the kill; the next request began at ${exact(after?.fromByte ?? 0)}`,
  );
}

/** Between a client and a disk there are buffers; what was in them when the app died has to come again. */
const MOST_IN_FLIGHT_PER_UPLOAD = 2_000_000;
/** Request heads, chunk marks and health probes: for one request, and as a share of the bytes. */
const HEAD_BYTES = 4_000;
const MARKS_SHARE = 0.001;

function notSentTwice({ chosen, traffic }: Evidence): Check {
  const extra = traffic.wireBytes - chosen.totalBytes;
  const cut = traffic.uploads.filter(({ parts }) => parts.length > 1);
  const spared = sum(cut, ({ parts }) => parts[0]?.storedBytes ?? 0);
  const requests = sum(traffic.uploads, ({ parts }) => parts.length + 3) + 20;
  const most =
    MOST_IN_FLIGHT_PER_UPLOAD * cut.length +
    HEAD_BYTES * requests +
    MARKS_SHARE * chosen.totalBytes;
  return check(
    'Nothing sent twice but what was in flight',
    extra <= most,
    `${bytes(chosen.totalBytes)} needed, ${bytes(traffic.wireBytes)} on the wire: ${bytes(extra)} more, in flight at the kill or request heads; ${bytes(spared)} did not come again`,
  );
}

function sentAgain({ chosen, sentBytes, requests, broken, traffic }: ChaosEvidence): Check {
  const extra = sentBytes - chosen.totalBytes;
  const most = MOST_IN_FLIGHT_PER_UPLOAD * broken + HEAD_BYTES * requests;
  const goneOn = sum(
    traffic.uploads,
    ({ parts }) => parts.filter((one) => one.fromByte > 0).length,
  );
  return check(
    'Nothing sent again but what was in flight',
    extra <= most + MARKS_SHARE * chosen.totalBytes,
    `${bytes(chosen.totalBytes)} needed, ${bytes(sentBytes)} sent; ${broken} requests broke with bytes on their way, ${goneOn} went on where the server stood`,
  );
}

function verified({ report }: CommonEvidence): Check {
  return check(
    'The log agrees with every row made from it',
    report.verified,
    report.verified ? 'verify() replayed all events: ok' : report.verifyReport.slice(0, 500),
  );
}

async function nothingLeft({ chosen, appDirectory, report }: CommonEvidence): Promise<Check> {
  const left = await readdir(join(appDirectory, 'bytes', 'tmp')).catch(() => []);
  const { storedFiles, storedBytes, waiting } = report;
  // Files of equal bytes are one file on the device.
  const distinct = [...new Map(chosen.files.map((file) => [file.sha256, file])).values()];
  const right =
    left.length === 0 &&
    waiting === 0 &&
    storedFiles === distinct.length &&
    storedBytes === sum(distinct, ({ sizeBytes }) => sizeBytes);
  return check(
    'Nothing left behind',
    right,
    `${left.length} temporary files, ${waiting} jobs; ${storedFiles} files of ${bytes(storedBytes)} in the local cache`,
  );
}

function sum<T>(list: readonly T[], of: (item: T) => number): number {
  return list.reduce((total, item) => total + of(item), 0);
}

function check(title: string, ok: boolean, detail: string): Check {
  return { title, ok, detail };
}
