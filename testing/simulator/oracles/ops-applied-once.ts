import { count } from '../rows.ts';
import type { Oracle } from './oracle.ts';

/** Contract 1, outbox: an op is sent at least once, and applied once; every op that was ever written has a number. */
export const opsAppliedOnce: Oracle = {
  name: 'no op is applied twice',
  atEnd: (world, devices) => {
    const written = devices.reduce((sum, { sql }) => {
      if (sql === undefined) return sum;
      return sum + count(sql, `SELECT seq AS n FROM sqlite_sequence WHERE name = 'lading_outbox'`);
    }, 0);
    const { opsApplied } = world.counts;
    return opsApplied <= written
      ? []
      : [`the backend applied ${opsApplied} ops, and the devices wrote ${written}`];
  },
};
