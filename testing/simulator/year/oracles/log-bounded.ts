import type { Device } from '../../device.ts';
import type { Oracle } from '../../oracles/oracle.ts';

/** Contract 9.5: what is at rest for long has one event left, and not its whole life. */
export const logBounded: Oracle = {
  name: 'a stream that is at rest for long has one event left',
  atEnd: (_world, devices) => devices.flatMap(long),
};

function long({ name, sql }: Device): readonly string[] {
  const rows =
    sql?.all(
      `SELECT e.stream, count(*) AS events, m.facts ->> 'situation' AS situation
       FROM lading_event AS e LEFT JOIN lading_media AS m ON m.media_id = e.stream
       WHERE m.facts ->> 'situation' IN ('uploaded', 'purged') OR m.media_id IS NULL
       GROUP BY e.stream HAVING count(*) > 1 LIMIT 20`,
    ) ?? [];
  return rows.map(
    (row) =>
      `${name}: ${Number(row['events'])} events of ${String(row['stream'])} are left, which is ${String(row['situation'])}`,
  );
}
