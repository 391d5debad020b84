import type { Device } from '../../device.ts';
import type { Oracle } from '../../oracles/oracle.ts';
import { count } from '../../rows.ts';

/** With everything mended and every grace over, nobody has anything left to do. */
export const nothingWaits: Oracle = {
  name: 'no task and no op is left',
  atEnd: (_world, devices) => devices.flatMap(waiting),
};

function waiting({ name, sql }: Device): readonly string[] {
  if (sql === undefined) return [`${name} has no database open`];
  const ops = count(sql, 'SELECT count(*) AS n FROM lading_outbox');
  return [
    ...sql
      .all('SELECT stream, name FROM lading_task LIMIT 20')
      .map((task) => `${name}: ${String(task['name'])} of ${String(task['stream'])} is left`),
    ...(ops === 0 ? [] : [`${name}: ${ops} ops are left in the outbox`]),
  ];
}
