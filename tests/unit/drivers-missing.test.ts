import Module from 'node:module';
import { openBetterSqlite3 } from 'lading/sqlite/better-sqlite3';
import { openSqlJs } from 'lading/sqlite/sqljs';
import { describe, expect, it, vi } from 'vitest';

vi.mock('sql.js', () => {
  throw new Error("Cannot find package 'sql.js'");
});

describe('a driver whose library is not installed', () => {
  it('says what to install: sql.js', async () => {
    await expect(openSqlJs('never.db')).rejects.toMatchObject({
      code: 'sdk_missing',
      message: expect.stringContaining('npm install sql.js@^1.16.0') as string,
    });
  });

  it('says what to install: better-sqlite3', () => {
    const resolver = Module as unknown as { _resolveFilename: (name: string) => string };
    const resolving = vi.spyOn(resolver, '_resolveFilename').mockImplementation((name) => {
      throw Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' });
    });
    try {
      expect(() => openBetterSqlite3('never.db')).toThrow(
        expect.objectContaining({
          code: 'sdk_missing',
          message: expect.stringContaining('npm install better-sqlite3@^13.2.0') as string,
        }),
      );
    } finally {
      resolving.mockRestore();
    }
  });
});
