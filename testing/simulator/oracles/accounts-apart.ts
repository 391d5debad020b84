import { LODGER } from '../lodger.ts';
import type { Oracle } from './oracle.ts';

/**
 * Contract 4.8: what another account left is still there, and still unsent. That nothing of it goes out under these
 * credentials is looked at with each request.
 */
export const accountsApart: Oracle = {
  name: 'what another account left stays as it is',
  atEnd: ({ lodger }, devices) =>
    devices.flatMap(({ name, sql }) => {
      const rows = sql?.all(
        `SELECT j.media_id, j.situation, m.has_bytes FROM lading_job AS j
         JOIN lading_media AS m ON m.media_id = j.media_id WHERE j.account_id = ?`,
        LODGER,
      );
      const isTouched = (rows ?? []).filter(
        (row) => row['situation'] !== 'queued' || row['has_bytes'] !== 1,
      );
      const lost = [...lodger]
        .filter(([id, isKept]) => isKept && !(rows ?? []).some((row) => row['media_id'] === id))
        .map(([id]) => id);
      return [
        ...isTouched.map(
          (row) => `${name}: ${String(row['media_id'])} is ${String(row['situation'])}`,
        ),
        ...(name === 'A' ? lost.map((id) => `${name}: ${id} is gone`) : []),
      ];
    }),
};
