import { memoryBlobs, memoryRemote, type RemoteAnswer } from 'lading/testing';
import { describeBlobStore } from '../../testing/contracts/blob-store.ts';
import { describeRemote } from '../../testing/contracts/remote.ts';

describeBlobStore('in memory', async () => {
  const store = memoryBlobs();
  return { store, reopen: () => store };
});

describeRemote('in memory', async () => {
  const next: RemoteAnswer[] = [];
  const broken = { ok: false, class: 'retryable', code: 'broken' } as const;
  const remote = memoryRemote({
    script: ({ operation }) => (operation === 'upload' ? next.shift() : undefined),
  });
  return {
    remote,
    stored: async (key) => {
      const found = remote.objects.get(key);
      return found === undefined ? [] : [found.bytes];
    },
    breakNextUpload: () => void next.push({ fault: broken, afterBytes: 50_000 }),
    loseNextCompletion: () => void next.push({ fault: broken, landed: true }),
  };
});
