import { parseTusUploadId, tusRemote, tusUploadId } from 'lading/remotes/tus';
import { describe, expect, it } from 'vitest';
import { loadTus } from '../../adapters/remotes/tus/load.ts';
import { objectKey } from '../../ports/remote.ts';

describe('upload ids (contract 4.2)', () => {
  it.each([
    ['account-1', '01890a5d-ac96-774b-bcce-b302099a8057'],
    ['auth0|5f7c', 'm'],
    ['a/b', 'c'],
    ['a', 'b/c'],
    ['a.b', 'c'],
    ['Ünïcode', '写真'],
    ['..', '..'],
    ['CON', 'nul'],
  ])('are one safe path segment for %s and %s, and can be read back', (accountId, mediaId) => {
    const id = tusUploadId(objectKey(accountId, mediaId));
    expect(id).toMatch(/^[a-z0-9_-]+\.[a-z0-9_-]+$/);
    expect(parseTusUploadId(id)).toEqual({ accountId, mediaId });
  });

  it('refuses ids that together are longer than a file name', () => {
    expect(() => tusUploadId(objectKey('a'.repeat(150), 'b'.repeat(150)))).toThrow(
      expect.objectContaining({ code: 'invalid_id' }),
    );
  });

  it.each(['', '.', 'a', 'a.', '.a', 'a.b.c', '../x', 'a/b', 'A.b', 'a.b_2', 'a.b%2f', 'a.b\0'])(
    'reads nothing from %j',
    (id) => {
      expect(parseTusUploadId(id)).toBeUndefined();
    },
  );
});

describe('the options of tusRemote', () => {
  it.each([
    { endpoint: 'ftp://x/files' },
    { endpoint: '/files' },
    { endpoint: 'https://user:secret@x/files' },
    { endpoint: 'https://x/files', stallMs: 0 },
    { endpoint: 'https://x/files', chunkSizeBytes: -1 },
  ])('refuse %j', (options) => {
    expect(() => tusRemote(options)).toThrow(expect.objectContaining({ code: 'invalid_option' }));
  });

  it('name the command that installs a missing tus-js-client', async () => {
    const missing = Object.assign(new Error('Cannot find package'), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    await expect(loadTus(() => Promise.reject(missing))).rejects.toMatchObject({
      code: 'sdk_missing',
      message: expect.stringContaining('npm install tus-js-client@4.3.1'),
    });
    await expect(loadTus(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  });
});
