import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nodeSqlite, openNodeSqlite } from 'lading/sqlite/node';
import { expect, it } from 'vitest';

it("leaves the app's own handle open when it is closed, and closes one that it opened", () => {
  const handle = new DatabaseSync(':memory:');
  nodeSqlite(handle).close();
  expect(handle.isOpen).toBe(true);
  handle.close();

  const directory = mkdtempSync(join(tmpdir(), 'lading-handle-'));
  try {
    const database = openNodeSqlite(join(directory, 'app.sqlite'));
    database.close();
    expect(() => database.get('SELECT 1 AS one')).toThrow(/handle is closed/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
