import type { AttachmentView } from '../../../machines/attachment/view.ts';
import type { Device, Runner } from '../device.ts';
import { type MediaRow, mediaOf } from '../rows.ts';
import type { World } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** A link that flapped is trusted after 8 s at the latest, and timers and answers take a moment. */
const LATE_MS = 12_000;
/** What nobody begins, or carries on, for so long is not under way: longer than takeovers and storage in trouble. */
const STUCK_MS = 90_000;
/** A remote may ask for a day, and no more. */
const LONGEST_REST_MS = 24 * 3_600_000;

/** Contract 2: what something waits for stands in its way, and what shows as under way gets on. */
export const waitingTrue: Oracle = {
  name: 'what something waits for is true',
  always(world, device) {
    const rows = mediaOf(device).filter(({ facts }) => !AT_REST.has(facts.situation));
    return device
      .ready()
      .filter(({ stall }) => !stall.isStill)
      .flatMap((runner) =>
        rows.flatMap((row) => {
          const view = runner.lading.view(row.mediaId);
          const why = untrue(world, device, runner, row, view) ?? stuck(world, runner, row, view);
          const name = world.ledger.find(row.mediaId)?.name ?? row.mediaId;
          const shown = `${name} on ${runner.name} shows ${view.state}, waiting for ${view.waitingFor ?? 'nothing'}`;
          return why === undefined ? [] : [`${shown}, ${row.facts.situation}: ${why}`];
        }),
      );
  },
};

const TIMED: ReadonlySet<string | undefined> = new Set(['backoff', 'undo', 'link']);
const AT_REST: ReadonlySet<string> = new Set(['uploaded', 'failed', 'purged', 'settling']);

/** Why what it says is not so, by what the world knows; undefined where it is. */
function untrue(
  world: World,
  device: Device,
  runner: Runner,
  { facts }: MediaRow,
  { waitingFor, until }: AttachmentView,
): string | undefined {
  const { troubles } = world.scenario;
  const lasts = facts.until === null ? undefined : facts.until - facts.since;
  const shownMs = until === undefined ? 0 : until - device.clock.now();
  // Whatever was done to the clock: what lasts a minute does not end in three days.
  if (TIMED.has(waitingFor) && lasts !== undefined && shownMs > lasts + 1_000) {
    return `the end of its wait is ${shownMs} ms away, and it lasts ${lasts}`;
  }
  const isOldNews = world.clock.elapsedMs - device.linkChangedMs > LATE_MS;
  // A clock that was moved says nothing of how long something lasts.
  const leftMs =
    until === undefined || troubles.has('clock') ? undefined : until - device.clock.now();
  switch (waitingFor) {
    case 'network':
      return device.isOnline && isOldNews ? 'the device has been online for a while' : undefined;
    case 'unmetered_network':
      return !device.isMetered && isOldNews
        ? 'its link has not been metered for a while'
        : undefined;
    case 'remote':
      if (!troubles.has('remote') && !troubles.has('network')) return 'nothing was wrong with it';
      return leftMs === undefined || (leftMs > -LATE_MS && leftMs <= LONGEST_REST_MS)
        ? undefined
        : `the end of its rest is ${leftMs} ms away`;
    case 'backoff':
    case 'undo':
      return leftMs !== undefined && leftMs < -STUCK_MS
        ? `its timer is ${-leftMs} ms late`
        : undefined;
    case 'resume':
      return facts.held || runner.isPaused ? undefined : 'nobody paused it';
    default:
      return undefined;
  }
}

interface Seen {
  readonly view: string;
  readonly since: number;
  readonly atMs: number;
}

/** What each runner showed at the first of the looks since which it has not changed. */
const seen = new WeakMap<Runner, Map<string, Seen>>();

/** Shows as under way, or as next, and nothing comes of it. */
function stuck(
  { clock, scenario }: World,
  runner: Runner,
  { mediaId, facts }: MediaRow,
  { state, waitingFor }: AttachmentView,
): string | undefined {
  // A runner that stood still, or a clock that was moved, explains anything.
  if (scenario.troubles.has('stall') || scenario.troubles.has('clock')) return undefined;
  const mine = seen.get(runner) ?? new Map<string, Seen>();
  seen.set(runner, mine);
  const view = `${facts.situation} ${state} ${waitingFor ?? ''}`;
  const before = mine.get(mediaId);
  if (before?.view !== view || before.since !== facts.since) {
    mine.set(mediaId, { view, since: facts.since, atMs: clock.elapsedMs });
    return undefined;
  }
  const forMs = clock.elapsedMs - before.atMs;
  const shouldMove = facts.situation === 'queued' && waitingFor === undefined;
  return shouldMove && forMs > STUCK_MS ? `and nobody began it for ${forMs} ms` : undefined;
}
