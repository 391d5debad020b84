import type { Device } from '../device.ts';
import { blobsOf, count } from '../rows.ts';
import type { Counts, World } from '../world.ts';

/** What happened in a year, and what it left. */
export interface YearCounts extends Readonly<Counts> {
  /** Captures that were acknowledged. */
  readonly attachments: number;
  /** Attachments that somebody asked to let go of. */
  readonly removes: number;
  readonly requests: number;
  /** On both devices. */
  readonly files: number;
  readonly objects: number;
  readonly events: number;
  /** Streams on both devices: `events` divided by it is what a life leaves in the log. */
  readonly streams: number;
}

export function yearCounts(world: World, devices: readonly Device[]): YearCounts {
  const total = (query: string): number =>
    devices.reduce((sum, { sql }) => sum + (sql === undefined ? 0 : count(sql, query)), 0);
  const { files } = world.ledger;
  return {
    ...world.counts,
    attachments: files.filter(({ capture }) => capture === 'acknowledged').length,
    removes: files.filter(
      ({ cancelled, places }) =>
        cancelled || [...places.values()].some(({ removalAsked }) => removalAsked),
    ).length,
    requests: world.network.trace.filter(({ what }) => what === 'sent').length,
    files: devices.reduce((sum, device) => sum + blobsOf(device).size, 0),
    objects: world.store.objects().length,
    events: total('SELECT count(*) AS n FROM lading_event'),
    streams: total('SELECT count(*) AS n FROM lading_stream'),
  };
}
