import { objectKeyOf, s3Key } from 'lading/remotes/s3';
import { describe, expect, it } from 'vitest';
import { loadS3 } from '../../adapters/remotes/s3/load.ts';
import { objectKey } from '../../ports/remote.ts';

const ACCOUNTS = [
  'ada',
  'a b',
  'a/b',
  'a%2Fb',
  'A/B',
  'ä',
  '.',
  '..',
  '...',
  '%2E%2E',
  "it's (1)*!",
];

describe('the AWS SDK', () => {
  it('that is not installed is named, with the command that installs it', async () => {
    const missing = Object.assign(new Error('gone'), { code: 'ERR_MODULE_NOT_FOUND' });
    await expect(loadS3(() => Promise.reject(missing))).rejects.toMatchObject({
      code: 'sdk_missing',
      message: expect.stringContaining('npm install @aws-sdk/client-s3'),
    });
    await expect(loadS3(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  });
});

describe('keys in a bucket', () => {
  it.each(ACCOUNTS)('are read back for the account %j, with and without a prefix', (account) => {
    const key = objectKey(account, 'media-1');
    expect(objectKeyOf('', s3Key('', key))).toBe(key);
    expect(objectKeyOf('app/files/', s3Key('app/files/', key))).toBe(key);
  });

  it('have no step that a url would be cleaned of', () => {
    for (const account of ACCOUNTS) {
      const key = s3Key('', objectKey(account, '..'));
      expect(key.split('/').filter((step) => /^\.*$/.test(step))).toEqual([]);
    }
  });

  it('differ where the ids differ', () => {
    const keys = ACCOUNTS.map((account) => s3Key('', objectKey(account, 'media-1')));
    expect(new Set(keys).size).toBe(ACCOUNTS.length);
  });

  it.each([
    ['', 'one'],
    ['', 'one/two/three'],
    ['', '/two'],
    ['', 'one/'],
    ['', 'one/%zz'],
    ['', 'one two/three'],
    ['', '../media-1'],
    ['', '%2e%2e/media-1'],
    ['app/', 'ada/media-1'],
  ])('with the prefix %j are not made as %j (contract 10.1)', (prefix, key) => {
    expect(objectKeyOf(prefix, key)).toBeUndefined();
  });

  it('are the object keys themselves, where these have no dots alone', () => {
    const key = objectKey('ada', '01890a5d-ac96-774b-bcce-b302099a8057');
    expect(s3Key('', key)).toBe(key);
  });
});
