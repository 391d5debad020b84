import { bytesSource, type MediaId, openLading } from 'lading';
import { openNodeSqlite } from 'lading/sqlite/node';
import { memoryBlobs } from 'lading/testing';
import { expect, it } from 'vitest';
import { type CutTraffic, cutS3, cutTus } from '../support/cut-traffic.ts';
import { rgw } from '../support/rgw-world.ts';
import { content, sha256 } from '../support/tus-world.ts';

const SIZE_BYTES = 20_000_000;
const FILES = 3;
const CUTS_PER_FILE = 8;
const ACCOUNT = 'ann';

/**
 * In flight at a cut is what the proxy had taken from the client in this request, less what the server had acknowledged of
 * it: for tus its offset, for S3 the parts that it lists.
 */
it('files of 20 MB under cuts cost at most 1.02 of their bytes by tus, besides what was in flight (contract 4.1)', async () => {
  expect(await ratioOf(await cutTus(CUTS_PER_FILE))).toBeLessThanOrEqual(1.02);
}, 120_000);

// Left out where radosgw is not installed: tests/support/rgw/setup.ts says how to have it.
it.skipIf(rgw === null)(
  'files of 20 MB under cuts cost at most 1.02 of their bytes by S3, besides what was in flight (contract 4.1)',
  async () => {
    if (rgw === null) throw new Error('there is no radosgw');
    expect(await ratioOf(await cutS3(CUTS_PER_FILE, rgw))).toBeLessThanOrEqual(1.02);
  },
  120_000,
);

/** Uploads the files through all cuts, and says what was sent for each byte of theirs. */
async function ratioOf(traffic: CutTraffic): Promise<number> {
  const { proxy } = traffic;
  const lading = await openLading({
    store: openNodeSqlite(':memory:'),
    blobs: memoryBlobs(),
    remote: traffic.remote,
    fields: {
      'item.films': {
        kinds: ['file'],
        contentTypes: ['*/*'],
        maxBytes: SIZE_BYTES,
        policy: { backoffBaseMs: 1, backoffCapMs: 10, maxAttempts: 100 },
      },
    },
    account: ACCOUNT,
  });
  try {
    for (let n = 0; n < FILES; n++) {
      const source = bytesSource(film(n), { contentType: 'application/octet-stream' });
      const owner = {
        scope: { accountId: ACCOUNT },
        entityType: 'item',
        entityId: 'i',
        field: 'films',
      };
      const { id } = await lading.capture(source, { owner, kind: 'file' });
      // One after the other: a host from which several break off is given a rest.
      await uploaded(id);
    }
    const held = (await traffic.objects()).map((bytes) => sha256(bytes));
    const wanted = Array.from({ length: FILES }, (_, n) => sha256(film(n)));
    expect(held.toSorted()).toEqual(wanted.toSorted());
    const cuts = Object.values(proxy.counts()).reduce((sum, count) => sum + count, 0);
    // A part whose neighbour broke may be given up before its own cut comes.
    expect(cuts).toBeGreaterThan((FILES * CUTS_PER_FILE) / 2);

    const lost = traffic.inFlightBytes();
    const sent = proxy.traffic().takenBytes;
    const needed = FILES * SIZE_BYTES;
    const ratio = (sent - lost) / needed;
    console.log(
      `${cuts} cuts: ${sent} bytes sent, ${lost} of them in flight, for ${needed}: ${ratio.toFixed(4)}`,
    );
    return ratio;
  } finally {
    await lading.close();
    await traffic.stop();
  }

  function uploaded(id: MediaId): Promise<void> {
    return new Promise((resolve) => {
      const stop = lading.watch(id, ({ state }) => {
        if (state !== 'uploaded') return;
        queueMicrotask(() => stop());
        resolve();
      });
    });
  }
}

function film(n: number): Buffer {
  return content(SIZE_BYTES, n + 1);
}
