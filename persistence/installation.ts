import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import { uuid7 } from '../ports/uuid7.ts';

/**
 * The id under which this opening of the database makes op ids (contract 10.8). A new one each time: a clone of the
 * file, or a backup that was put back, then never makes an id that its twin, or its former self, has used for something
 * else, whether or not anybody notices that it is one. Ops that wait already keep the ids that they were given, so that
 * the backend drops the second of two equal ones.
 */
export function installationId(clock: Clock, random: Random): string {
  return uuid7(clock.now(), random);
}
