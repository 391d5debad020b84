import { v4 as uuidv4 } from 'uuid';
import type { Random } from '../ports/random.ts';
import type { SqlDatabase } from '../ports/sql.ts';

/** The id of this installation, made once: op ids of two devices never collide (contract 10.8). */
export function installationId(database: SqlDatabase, random: Random): string {
  const read = (): string | undefined => {
    const row = database.get(`SELECT value FROM lading_meta WHERE key = 'installation_id'`);
    return row === undefined ? undefined : String(row['value']);
  };
  return (
    read() ??
    database.transaction(() => {
      database.run(
        `INSERT INTO lading_meta (key, value) VALUES ('installation_id', ?) ON CONFLICT (key) DO NOTHING`,
        uuidv4({ random: random.bytes(16) }),
      );
      return read() as string;
    })
  );
}
