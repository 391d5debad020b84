import type { BlobStore } from '../../../ports/blob-store.ts';
import type { ObjectKey, Remote } from '../../../ports/remote.ts';

/** A deliberate mistake of the child's, which the judge must see. */
export type Bug =
  /** Tells the judge before the commit. */
  | 'acknowledges_early'
  /** The app's row does not follow the refs. */
  | 'forgets_the_app_row'
  /** Every run of an upload begins again. */
  | 'sends_all_again'
  /** What is stored is not what was hashed. */
  | 'spoils_blobs'
  /** Each object is sent under a second name as well. */
  | 'uploads_twice';

export function blobsWithBug(blobs: BlobStore, bug: Bug | null): BlobStore {
  if (bug !== 'spoils_blobs') return blobs;
  return {
    ...blobs,
    async write(key, source, options) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of source) chunks.push(chunk);
      const written = await blobs.write(key, streamOf(chunks), options);
      await blobs.write(key, streamOf(chunks.map((chunk) => chunk.map((byte) => byte ^ 1))));
      return written;
    },
  };
}

export function remoteWithBug(remote: Remote, bug: Bug | null): Remote {
  switch (bug) {
    case 'sends_all_again':
      return {
        ...remote,
        async upload(request, context) {
          await remote.remove(request.objectKey, context);
          return remote.upload(request, context);
        },
      };
    case 'uploads_twice':
      return {
        ...remote,
        async upload(request, context) {
          const outcome = await remote.upload(request, context);
          const objectKey = `${request.objectKey}-again` as ObjectKey;
          const opened = async (): Promise<void> => {};
          if (outcome.ok) await remote.upload({ ...request, objectKey }, { ...context, opened });
          return outcome;
        },
      };
    default:
      return remote;
  }
}

async function* streamOf(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks;
}
