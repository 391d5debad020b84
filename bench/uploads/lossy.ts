import { sendByLading } from './engine.ts';
import { benchFiles } from './files.ts';
import { lossyLink } from './lossy-link.ts';
import { subjectOf } from './subjects.ts';

const PHOTOS = 24;
const PHOTO_BYTES = 200_000;

/** Photos a second over 50 ms and 1 % loss, one at a time and six at once. */
export async function lossyUploads(
  folder: string,
  origin: string,
): Promise<{ readonly one: number; readonly six: number }> {
  const files = await benchFiles(folder, PHOTOS, PHOTO_BYTES);
  const link = await lossyLink(origin, { roundTripMs: 50, loss: 0.01, seed: 1 });
  const subject = subjectOf('http', link.origin);
  const rate = async (concurrency: number) => {
    const tookMs = await sendByLading(
      folder,
      subject.remote(`lossy-${concurrency}`),
      files,
      concurrency,
    );
    return (PHOTOS * 1_000) / tookMs;
  };
  try {
    return { one: await rate(1), six: await rate(6) };
  } finally {
    await link.close();
  }
}
