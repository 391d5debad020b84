import { memoryRemote, type RemoteAnswer } from 'lading/testing';
import { brokenCases, type RemoteSetup, remoteCases } from 'lading/testing/contracts';
import { describe, expect, it } from 'vitest';
import type { Remote } from '../../ports/remote.ts';
import { type Breakages, sound, spoilt } from '../support/contract-teeth.ts';

describe('the suite of remotes', () => {
  const setup = (spoil: (remote: Remote) => Partial<Remote>) => async (): Promise<RemoteSetup> => {
    const next: RemoteAnswer[] = [];
    const broken = { ok: false, class: 'retryable', code: 'broken' } as const;
    const memory = memoryRemote({
      script: ({ operation }) => (operation === 'upload' ? next.shift() : undefined),
    });
    return {
      remote: spoilt<Remote>(memory, spoil),
      stored: async (key) => {
        const found = memory.objects.get(key);
        return found === undefined ? [] : [found.bytes];
      },
      breakNextUpload: () => void next.push({ fault: broken, afterBytes: 50_000 }),
      loseNextCompletion: () => void next.push({ fault: broken, landed: true }),
    };
  };
  const all: Breakages<Remote> = [
    [
      'throws what it should answer',
      'an upload that broke',
      (remote) => ({
        async upload(...call) {
          const outcome = await remote.upload(...call);
          if (!outcome.ok) throw new Error('503');
          return outcome;
        },
      }),
    ],
    [
      'calls every failure terminal',
      'an upload that broke',
      (remote) => ({
        async upload(...call) {
          const outcome = await remote.upload(...call);
          return outcome.ok ? outcome : { ...outcome, class: 'terminal' };
        },
      }),
    ],
    [
      'proves nothing',
      'proves it by a receipt',
      (remote) => ({
        async upload(...call) {
          const outcome = await remote.upload(...call);
          return outcome.ok
            ? { ...outcome, receipt: { ...outcome.receipt, byteSize: 0 } }
            : outcome;
        },
      }),
    ],
    [
      'tells progress backwards',
      'never goes back',
      (remote) => ({
        async upload(request, context) {
          const outcome = await remote.upload(request, context);
          context.onProgress(1);
          return outcome;
        },
      }),
    ],
    [
      'uploads though it was aborted',
      'aborted before it began',
      (remote) => ({
        upload: (request, context) =>
          remote.upload(request, { ...context, signal: new AbortController().signal }),
      }),
    ],
    [
      'downloads always from the start',
      'from any position',
      (remote) => ({
        download: (url, { signal }) => remote.download(url, { signal }),
      }),
    ],
    [
      'downloads from anywhere',
      'no origin but its own',
      () => ({
        download: async () => ({ ok: true, byteSize: 0, body: (async function* () {})() }),
      }),
    ],
    ['does not remove', 'removes an object', () => ({ remove: async () => ({ ok: true }) })],
    [
      'calls a missing object a failure',
      'takes a missing one for success',
      (remote) => ({
        async remove(key, options) {
          const found = await remote.head(key, options);
          if (found.ok && !found.exists) return { ok: false, class: 'terminal', code: 'not_found' };
          return remote.remove(key, options);
        },
      }),
    ],
    [
      'knows one object only',
      'different keys apart',
      (remote) => {
        const same = 'a/b' as Parameters<Remote['head']>[0];
        return {
          upload: (request, context) => remote.upload({ ...request, objectKey: same }, context),
          head: (_key, options) => remote.head(same, options),
        };
      },
    ],
  ];

  it('is content with a sound one', async () => {
    expect(await brokenCases(remoteCases, setup(sound))).toEqual([]);
  });
  it.each(all)('finds one that %s', async (_what, found, spoil) => {
    expect(await brokenCases(remoteCases, setup(spoil))).toContainEqual(
      expect.stringContaining(found),
    );
  });
});
