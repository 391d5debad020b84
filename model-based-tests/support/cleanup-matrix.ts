import { LadingError, type SqlDatabase } from 'lading';
import type { ServiceName } from '../../machines/attachment/events.ts';
import type { RefEntry } from '../../machines/attachment/types.ts';
import { objectKey } from '../../ports/remote.ts';
import type { EventCase } from './cases.ts';
import {
  brokenCell,
  brokenDevice,
  type Expected,
  expectedOf,
  strayFiles,
} from './cleanup-judge.ts';
import type { Place } from './cleanup-places.ts';
import { answerLate, type CleanupDriving, type Trigger, triggers } from './cleanup-triggers.ts';
import { type CleanupMutant, type CleanupWorld, cleanupWorld } from './cleanup-world.ts';
import { quiet } from './engine.ts';
import { contextIn, isFirst, makeCells, ownerOf, shown } from './feature-cells.ts';
import { runOperation, wrongOutcome } from './feature-checks.ts';
import { type Feature, features, insertRow, secondOwner } from './feature-list.ts';
import type { Cell, Met } from './feature-types.ts';
import { ACCOUNT, type OpenedWorld } from './feature-world.ts';

/**
 * What happens after each step, on the way to the place, after the trigger, and after each commit until all is at rest:
 * nothing; the app is closed and opened; or it is killed, also between what a service did and the commit of its result.
 */
export type CleanupCourse = 'steady' | 'closed' | 'killed';

export interface PlaceRun {
  readonly cells: number;
  readonly restarts: number;
  /** Services that answered after their run was stopped. */
  readonly late: readonly ServiceName[];
  /** `feature × trigger × state: what is wrong`. */
  readonly failures: readonly string[];
}

/** A list and a single field. */
const both: readonly Feature[] = features.filter(({ name }) =>
  ['Items.images', 'Settings.logo'].includes(name),
);
/** Past the undo time, the removal, and the look that comes after it; and past backoffs between them. */
const REST_MS = 45 * 60_000;
const NIGHT_MS = 24 * 3_600_000;
/** A start asks for what failed again: without a limit it would be asked for ever. */
const MOST_RESTARTS_AT_ONCE = 3;

/** Every trigger at one place, each on attachments of its own, from the trigger until nothing is left to do. */
export async function runPlace(
  place: Place,
  course: CleanupCourse,
  options: {
    readonly store: SqlDatabase;
    readonly which?: readonly Trigger[];
    readonly mutant?: CleanupMutant;
  },
): Promise<PlaceRun> {
  const { store, which = triggers, mutant } = options;
  const world = await cleanupWorld({
    store,
    input: place.state.path.input,
    ...(mutant === undefined ? {} : { mutant }),
  });
  const failures = new Map<string, string>();
  const note = (cell: Cell | null, problems: readonly string[]): void => {
    const name = cell?.name ?? place.title;
    const [problem] = problems;
    if (problem !== undefined && !failures.has(name)) failures.set(name, `${name}: ${problem}`);
  };
  try {
    const life = await processes(world, course);
    const { driving } = life;
    const hasPrimary = place.state.path.steps.some(({ event }) => event.type === 'ref.primary');
    const usable = both.filter(({ single }) => !(single && hasPrimary));
    const pairs = usable.flatMap((feature) => which.map((trigger) => [feature, trigger] as const));
    const cells = await makeCells(driving, place.state, pairs, async (event, all) => {
      mirror(driving, event, all);
      await life.restart();
    });
    const firsts = cells.filter(isFirst);
    insertSeconds(world, firsts);

    const met = cells.map((cell) => meet(cell, driving));
    const before = firsts.map((cell) => expectedOf(world, cell));
    const came = await world.until(Promise.all(cells.map((cell) => runOperation(cell, driving))));
    await quiet(world.clock);
    for (const [n, cell] of cells.entries()) {
      note(cell, wrongOutcome(met[n] as Met, came[n] as Awaited<(typeof came)[number]>, driving));
    }
    const late = (await Promise.all(firsts.map((cell) => happens(cell, driving)))).flat();
    await quiet(world.clock);
    const expected = new Map(firsts.map((cell) => [cell, expectedOf(world, cell)]));
    for (const [n, cell] of firsts.entries()) note(cell, notAsBefore(cell, before[n], expected));

    await life.openReal();
    const triggeredAt = world.clock.elapsedMs;
    await life.toRest(triggeredAt + 31_000);
    for (const [n, cell] of cells.entries())
      note(cell, await tryLater(cell, met[n] as Met, driving));
    await life.toRest(triggeredAt + REST_MS);
    // A process that is killed between a download and its commit leaves a file to the garbage collection.
    if (course !== 'killed') note(null, await strayFiles(world));
    await world.until(driving.lading.collectGarbage());
    await life.overNight();
    await askAgain(driving, firsts);
    await world.until(driving.lading.collectGarbage());
    await life.toRest(world.clock.elapsedMs + REST_MS);
    world.sweepBackend();
    await life.toRest(world.clock.elapsedMs + 60_000);

    for (const [cell, rows] of expected) note(cell, brokenCell(world, cell, rows));
    const { differences } = await world.until(driving.lading.verify());
    for (const { stream, message } of differences) {
      note(firsts.find(({ made }) => made.has(String(stream))) ?? null, [`verify: ${message}`]);
    }
    note(null, await brokenDevice(world, place.state));
    await world.until(driving.lading.close());
    return {
      cells: cells.length,
      restarts: life.restarts,
      late,
      failures: [...failures.values()],
    };
  } finally {
    world.close();
  }
}

/** One process after the other on one device. */
async function processes(world: CleanupWorld, course: CleanupCourse) {
  const { clock, store } = world;
  let current: OpenedWorld = await world.openWaiting();
  let isReal = false;
  let restarts = 0;
  /** The next service that has done its work is the last thing that the process does. */
  let killsAtAnswer = false;
  const driving: CleanupDriving = {
    world,
    get lading() {
      return current.lading;
    },
    get host() {
      return current.host;
    },
  };
  const position = (): number =>
    Number(store.get('SELECT coalesce(max(position), 0) AS at FROM lading_event')?.['at']);
  let isDead = false;

  async function end(): Promise<void> {
    if (isDead) return;
    if (course === 'killed') world.kill();
    else await world.until(current.lading.close());
  }

  async function begin(): Promise<void> {
    isDead = false;
    current = isReal ? await world.openReal(atPoint) : await world.openWaiting();
    await quiet(clock);
  }

  function atPoint(name: string): void {
    if (name !== 'service_settled' || !killsAtAnswer) return;
    killsAtAnswer = false;
    isDead = true;
    world.kill();
  }

  async function restart(): Promise<void> {
    if (course === 'steady') return;
    restarts += 1;
    await end();
    await begin();
  }

  return {
    driving,
    restart,
    get restarts() {
      return restarts;
    },
    async openReal() {
      isReal = true;
      await end();
      await begin();
    },
    /** Lets time run, with a restart after each moment that wrote to the log. */
    async toRest(untilMs: number): Promise<void> {
      let seen = position();
      let atOnce = 0;
      let moment = clock.elapsedMs;
      for (;;) {
        await quiet(clock);
        if (clock.elapsedMs > moment) atOnce = 0;
        moment = clock.elapsedMs;
        const isMore = position() > seen || isDead;
        seen = position();
        if (isMore && course !== 'steady' && atOnce++ < MOST_RESTARTS_AT_ONCE) {
          const wasAnswer = isDead;
          await restart();
          killsAtAnswer = course === 'killed' && !wasAnswer;
          continue;
        }
        if (isDead) await restart();
        const next = clock.nextDueMs();
        if (next === undefined || next > untilMs) break;
        await clock.runNext();
      }
      await clock.advanceTo(untilMs);
    },
    /** The app is closed, and opened the next day. */
    async overNight(): Promise<void> {
      killsAtAnswer = false;
      await end();
      await clock.advanceTo(clock.elapsedMs + NIGHT_MS);
      await begin();
    },
  };
}

/** What else the world does with the trigger of a cell. */
async function happens(cell: Cell, driving: CleanupDriving): Promise<readonly ServiceName[]> {
  const { world } = driving;
  const trigger = cell.operation as Trigger;
  if (trigger.answersLate === true) return answerLate(cell, driving);
  const { touched, attached, sweeps } = contextIn(driving, cell.subject);
  if (trigger.landsLate !== true || !touched || attached) return [];
  const key = objectKey(ACCOUNT, cell.subject);
  if (sweeps === 0) world.lateObjects.set(key, cell.bytes);
  else if (sweeps === 1) world.remote.objects.set(key, { bytes: cell.bytes, media: null });
  return [];
}

async function tryLater(cell: Cell, met: Met, driving: CleanupDriving): Promise<readonly string[]> {
  const { later } = cell.operation as Trigger;
  if (later === undefined) return [];
  const code = await driving.world.until(
    later.run(cell, driving).then(
      () => null,
      (error: unknown) => (error instanceof LadingError ? error.code : String(error)),
    ),
  );
  const wanted = later.refused(met);
  return code === wanted ? [] : [`later it should have been refused: ${wanted}, not ${code}`];
}

/** The remote refused a removal for good: only somebody's asking moves it. */
async function askAgain({ world, lading }: CleanupDriving, cells: readonly Cell[]): Promise<void> {
  for (const { subject } of cells) {
    const row = world.store.get(
      "SELECT 1 AS found FROM lading_job WHERE media_id = ? AND situation = 'leftover'",
      subject,
    );
    if (row !== undefined) await world.until(lading.retry(subject));
  }
}

/** Undone ones are back where they were: rank and primary mark included. */
function notAsBefore(
  cell: Cell,
  before: Expected | undefined,
  after: ReadonlyMap<Cell, Expected>,
): readonly string[] {
  if (!cell.operation.name.endsWith('+ undo')) return [];
  const [was, is] = [before, after.get(cell)].map((one) => JSON.stringify([...(one ?? [])]));
  return was === is ? [] : [`undone, the refs should be ${was} again, and are ${is}`];
}

/** Events that came from the backend are said by another device; that of a ref which is not here was there once. */
function mirror(driving: CleanupDriving, event: EventCase | null, cells: readonly Cell[]): void {
  const { world } = driving;
  const isBegun =
    event === null && cells.some(({ state }) => state.path.input.startsWith('synced'));
  const isDelta = event?.type === 'ref.synced' || event?.type === 'remote.located';
  if (!isBegun && !isDelta && event?.type !== 'ref.tombstoned') return;
  // A delta about a ref is held back while an op of it is to be told: one that comes back was told to be gone.
  if (event?.type === 'ref.synced') world.emptyOutbox();
  else world.landOutbox();
  for (const cell of cells) {
    if (event?.type === 'ref.tombstoned') {
      const owner = ownerOf(cell, event.owner);
      world.other({ type: 'ref.delete', owner, mediaId: cell.subject });
      continue;
    }
    const { refs, media, mediaId, url } = contextIn(driving, cell.subject);
    const { filename: _filename, ...facts } = media;
    const put = ({ owner, rank, isPrimary }: Pick<RefEntry, 'owner' | 'rank' | 'isPrimary'>) => {
      const ref = { ...facts, mediaId, url: url ?? `offline://${mediaId}`, isPrimary };
      world.other({ type: 'ref.put', owner, rank, ref, restore: true });
    };
    for (const ref of refs) put(ref);
    if (refs.length > 0) continue;
    const owner = { ...cell.owner, entityId: `elsewhere-${cell.owner.entityId}` };
    put({ owner, rank: 'a0', isPrimary: false });
    world.other({ type: 'ref.delete', owner, mediaId });
  }
}

function insertSeconds({ store }: CleanupWorld, cells: readonly Cell[]): void {
  const [list] = features;
  store.transaction(() => {
    for (const { feature, owner } of cells) {
      insertRow(store, list as Feature, secondOwner(feature, owner).entityId, ACCOUNT);
    }
  });
}

function meet(cell: Cell, driving: CleanupDriving): Met {
  const [reference = '', , localCopy = ''] = cell.state.name.split(' / ');
  const context = contextIn(driving, cell.subject);
  return {
    cell,
    list: shown(driving.lading, cell.owner),
    reference,
    localCopy,
    hasUrl: context.url !== null,
    isUndoable: context.undoable.length > 0 && !context.gone,
  };
}
