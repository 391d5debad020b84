import type { AttachmentInput, MediaId } from '../../machines/attachment/types.ts';
import type { JsonObject } from '../../machines/json.ts';
import { LadingError } from '../../ports/errors.ts';
import type { StoreTransaction } from '../../ports/event-store.ts';
import type { CaptureSource } from '../../ports/source.ts';
import type { StateView } from '../host/definition.ts';
import type { Work } from '../host/work.ts';
import { asStream } from '../lifecycle/as-stream.ts';
import { type CaptureParts, storeAndCommit } from '../lifecycle/capture.ts';
import { contextOf } from '../lifecycle/consequences.ts';
import { ATTACHMENT } from '../lifecycle/hosted.ts';
import { plain } from '../lifecycle/lists.ts';
import { prepareCapture } from '../lifecycle/prepare-capture.ts';
import { ranksBetween } from '../lifecycle/ranks.ts';
import {
  historyOf,
  type OwnerPlan,
  presentRefs,
  requirePlan,
  type Standing,
  standingOf,
  type Target,
} from './plan-owner.ts';
import type { ImportOptions, ImportProblem, ImportReport } from './types.ts';

type Counts = ImportReport['refs'];

/** What became of one owner's column. */
export type OwnerOutcome =
  | { readonly changed: boolean; readonly counts: Counts }
  | { readonly problem: ImportProblem };

type Change = keyof Omit<Counts, 'repeated'>;

/**
 * Brings one owner's refs to what its column held, in one commit. The field's maximum does not count here: what an
 * older app allowed is not lost for a limit of today.
 */
export async function importOwner(
  parts: CaptureParts,
  plan: OwnerPlan,
  options: ImportOptions,
): Promise<OwnerOutcome> {
  const { before, count } = parts.events.read((tx) => ({
    before: standings(parts, tx, plan),
    count: presentRefs(tx, parts.tables, plan.owner).length,
  }));
  requirePlan(plan, before, count);
  const sources = new Map(await sourcesOf(plan, before, options));
  const foreseen = plan.targets.map((target, at) => changeOf(target, before[at], sources));
  if (options.dryRun === true || foreseen.every(isNoChange)) return outcomeOf(plan, foreseen);

  for (;;) {
    try {
      return outcomeOf(plan, await store(parts, plan, sources));
    } catch (error) {
      // A file that the older app lost, or its user: its ref waits, and the others of its column go on.
      if (!(error instanceof LadingError) || error.code !== 'source_missing') throw error;
      const lost = [...sources.keys()].find(({ mediaId }) => mediaId === error.details['mediaId']);
      if (lost === undefined) throw error;
      sources.delete(lost);
    }
  }
}

function store(
  parts: CaptureParts,
  plan: OwnerPlan,
  sources: ReadonlyMap<Target, CaptureSource>,
): Promise<readonly Change[]> {
  const prepared = [...sources].map(([{ mediaId, entry }, source]) =>
    prepareCapture(
      parts,
      plan.owner,
      {
        source,
        kind: entry.kind,
        id: mediaId,
        ...(entry.filename === undefined ? {} : { filename: entry.filename }),
      },
      entry.index,
      true,
    ),
  );
  const decide = (work: Work, take: (mediaId: MediaId) => void) =>
    commit(parts, plan, work, sources, take);
  // Refs alone need no room: they come over on a full device too.
  return prepared.length > 0
    ? storeAndCommit(parts, prepared, undefined, decide)
    : parts.host.transact((work) => decide(work, () => {}));
}

/** Decided anew inside the transaction: another process may have been first. */
function commit(
  parts: CaptureParts,
  plan: OwnerPlan,
  work: Work,
  sources: ReadonlyMap<Target, CaptureSource>,
  take: (mediaId: MediaId) => void,
): readonly Change[] {
  const found = plan.targets.map((target) =>
    standingIn(work.tx, plan, target, work.peek(asStream(target.mediaId))),
  );
  requirePlan(plan, found, presentRefs(work.tx, parts.tables, plan.owner).length);
  const changes = plan.targets.map((target, at) => {
    const standing = found[at] as Standing;
    const change = changeOf(target, standing, sources);
    if (standing.file === 'removed') return change;
    if (change === 'captured') take(target.mediaId);
    else bring(parts, plan, work, target, standing);
    return change;
  });
  linkAll(parts, plan, work, changes);
  return changes;
}

/** The stream of a file whose bytes are not here. */
function bring(
  parts: CaptureParts,
  { field }: OwnerPlan,
  work: Work,
  { mediaId, entry, locator, localName }: Target,
  standing: Standing,
): void {
  if (standing.file === 'awaiting' && locator !== null) {
    work.send(asStream(mediaId), { type: 'remote.located', url: locator });
  }
  if (standing.file !== 'unknown') return;
  const input: AttachmentInput = {
    mediaId,
    accountId: parts.accountId,
    origin: 'elsewhere',
    media: {
      kind: entry.kind,
      contentType: entry.contentType ?? 'application/octet-stream',
      byteSize: entry.byteSize ?? 0,
      sha256: entry.sha256 ?? '',
      filename: entry.filename ?? null,
    },
    policy: { ...field.policy },
    url: locator,
    blobKey: null,
    ...(locator === null && localName !== null ? { localName } : {}),
    capturedAt: Math.floor(parts.clock.now()),
  };
  work.create(asStream(mediaId), ATTACHMENT, input as unknown as JsonObject);
}

/** Those that the owner does not hold yet, behind those that it holds, in the column's order. */
function linkAll(
  { tables }: CaptureParts,
  { owner, field, targets }: OwnerPlan,
  work: Work,
  changes: readonly Change[],
): void {
  const rows = presentRefs(work.tx, tables, owner);
  const held = new Set(rows.map(({ mediaId }) => mediaId));
  const added = targets.filter(
    ({ mediaId }, at) => !held.has(mediaId) && changes[at] !== 'removedSince',
  );
  const ranks = ranksBetween(rows.at(-1)?.rank ?? null, null, added.length);
  const images = added.filter(({ entry }) => entry.kind === 'image');
  const primary =
    field.primary && !rows.some(({ isPrimary }) => isPrimary)
      ? (images.find(({ entry }) => entry.isPrimary === true) ?? images[0])
      : undefined;
  added.forEach((target, at) => {
    work.send(asStream(target.mediaId), {
      type: 'ref.linked',
      owner: plain(owner),
      rank: ranks[at] ?? '',
      isPrimary: target === primary,
    });
  });
}

async function sourcesOf(
  { owner, targets }: OwnerPlan,
  before: readonly Standing[],
  options: ImportOptions,
): Promise<ReadonlyMap<Target, CaptureSource>> {
  const sources = new Map<Target, CaptureSource>();
  for (const [at, target] of targets.entries()) {
    const { localName, locator, entry } = target;
    const there = before[at];
    const lacksBytes = there?.file === 'unknown' || there?.file === 'awaiting';
    if (localName === null || locator !== null || !lacksBytes) continue;
    // The column may hold our own url by now: the older app's name is the one of the import before.
    const name = there.localName ?? localName;
    const source = await options.bytesOf?.({ localName: name, owner, ref: entry });
    if (source !== undefined) sources.set(target, source);
  }
  return sources;
}

function standings(
  parts: CaptureParts,
  tx: StoreTransaction,
  plan: OwnerPlan,
): readonly Standing[] {
  return plan.targets.map((target) =>
    standingIn(tx, plan, target, parts.host.state(asStream(target.mediaId))),
  );
}

function standingIn(
  tx: StoreTransaction,
  { owner }: OwnerPlan,
  { mediaId }: Target,
  state: StateView | undefined,
): Standing {
  return standingOf(state && contextOf(state.context), () => historyOf(tx, mediaId), owner);
}

function changeOf(
  target: Target,
  standing: Standing | undefined,
  sources: ReadonlyMap<Target, CaptureSource>,
): Change {
  if (standing?.file === 'removed') return 'removedSince';
  if (sources.has(target) && standing?.file !== 'known') return 'captured';
  const isLocated = standing?.file === 'awaiting' && target.locator !== null;
  if (standing?.linked === true && !isLocated) return 'unchanged';
  return target.locator !== null || standing?.file === 'known' ? 'linked' : 'waiting';
}

function isNoChange(change: Change): boolean {
  return change === 'unchanged' || change === 'removedSince';
}

function outcomeOf({ repeated }: OwnerPlan, changes: readonly Change[]): OwnerOutcome {
  const count = (wanted: Change): number => changes.filter((change) => change === wanted).length;
  return {
    changed: changes.some((change) => !isNoChange(change)),
    counts: {
      linked: count('linked'),
      captured: count('captured'),
      waiting: count('waiting'),
      unchanged: count('unchanged'),
      removedSince: count('removedSince'),
      repeated,
    },
  };
}
