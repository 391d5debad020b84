import type { Json, JsonObject } from '../../../machines/json.ts';
import type { Device } from '../device.ts';
import type { World } from '../world.ts';
import type { Oracle } from './oracle.ts';

/** The state in which each service runs. */
const RUNS_IN: Readonly<Record<string, readonly [region: string, leaf: string]>> = {
  upload: ['transfer', 'uploading'],
  attach: ['transfer', 'attaching'],
  removeRemote: ['transfer', 'removing'],
  evict: ['localCopy', 'evicting'],
  download: ['localCopy', 'downloading'],
  purge: ['localCopy', 'purging'],
};

/** Contract 9.3: an answer or a timer whose run does not stand any more is dropped, and in no log. */
export const answersMeetRuns: Oracle = {
  name: 'answers and timers that nobody waits for are in no log',
  atEnd: (world, devices) => devices.flatMap((device) => strangers(world, device)),
};

function strangers(world: World, { name, sql }: Device): readonly string[] {
  const rows =
    sql?.all('SELECT stream, type, payload, state FROM lading_event ORDER BY stream, version') ??
    [];
  return rows.flatMap((row, index) => {
    const before = rows[index - 1];
    if (before === undefined || before['stream'] !== row['stream']) return [];
    const expected = placeOf(JSON.parse(String(row['payload'])) as JsonObject);
    if (expected === undefined) return [];
    const [region, leaf] = expected;
    const stood = leafOf((JSON.parse(String(before['state'])) as JsonObject)[region]);
    if (stood === leaf) return [];
    const file = world.ledger.find(String(row['stream']))?.name;
    return [`${name}: ${String(row['type'])} of ${file} came in ${region} ${stood}`];
  });
}

/** Where a result or a timer belongs; undefined for every other event. */
function placeOf(payload: JsonObject): readonly [region: string, leaf: string] | undefined {
  const { service, delay, state } = payload;
  if (typeof service === 'string') return RUNS_IN[service];
  if (typeof delay !== 'string' || typeof state !== 'string') return undefined;
  const [region = '', leaf = ''] = state.split('_');
  return [region, leaf];
}

/** The innermost state of one region's value. */
function leafOf(value: Json | undefined): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return leafOf(Object.values(value)[0]);
}
