import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sampleHeif } from '../../testing/sample-files/index.ts';
import { images, ledgerWorld, said } from '../support/ledger-world.ts';

/*
 * What went wrong in the two apps that this was first specified for, each with the test that shows that it does not
 * happen here. A title that is no longer there fails.
 */

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

type Shown = readonly [number, defect: string, file: string, title: string];

const mobile: readonly Shown[] = [
  [
    1,
    'bytes in a cache that the system may empty, though they are the only copy',
    'tests/unit/blobs-sim-disk.test.ts',
    'lose nothing that was acknowledged and show nothing that is torn, wherever the power goes',
  ],
  [
    2,
    'absolute paths, which an update of the app makes stale',
    'tests/unit/edge-cases.test.ts',
    'an app whose folder moved finds all its files under the new base (contract 4.1, field case 1)',
  ],
  [
    3,
    'a copy that failed is swallowed, and the ref linked all the same',
    'tests/unit/lifecycle-capture.test.ts',
    'takes a whole batch back when one of its files cannot be read',
  ],
  [
    4,
    'a store that cannot be parsed is wiped',
    'tests/unit/store-trouble.test.ts',
    'that is no database is refused as corrupt, and stays as it is',
  ],
  [
    5,
    'a save before the start is over loses the old state or the new',
    'tests/unit/lifecycle-views.test.ts',
    'what was under way is repeated with "rerun", within the number of slots',
  ],
  [
    6,
    'several loops run the same queue',
    'tests/unit/host-runners.test.ts',
    'an idle runner that takes up work just as the other finds its lease run out keeps it',
  ],
  [
    7,
    'what was uploading at a kill is never selected again',
    'tests/unit/lifecycle-views.test.ts',
    'nothing shows uploading that nobody uploads, once the runner is known to be gone',
  ],
  [
    8,
    'success never rewrites the entity',
    'tests/integration/ledger-features.test.ts',
    'a project has a bare url, which becomes remote in the commit that attaches it',
  ],
  [
    9,
    'cleanup deletes files that entities still refer to',
    'model-based-tests/support/feature-checks.ts',
    'bytes here',
  ],
  [
    10,
    'no classes of errors, no backoff, one hung upload blocks all',
    'tests/unit/edge-cases.test.ts',
    'one upload that never succeeds holds up none of the others (contract 4.6, field case 24)',
  ],
  [
    11,
    'an idempotency key that is never sent',
    'tests/unit/edge-cases.test.ts',
    'attempts go on counting over restarts, and end with one object all the same (contract 4.1, 4.5)',
  ],
  [
    12,
    'a missing record leaves a job that fails for ever',
    'model-based-tests/support/feature-checks.ts',
    'has no stream',
  ],
  [
    13,
    'deleted in the middle of an upload: a ghost record, and an object that nobody deletes',
    'tests/integration/ledger-features.test.ts',
    'in the middle of an upload takes its images along, everywhere, and a late success brings none back (contract 5.2)',
  ],
  [
    14,
    'remote objects are never deleted',
    'tests/unit/attachment-transfer.test.ts',
    'looks twice, the second time when no request can be under way any more',
  ],
  [
    15,
    'dismissing a failure deletes the only copy',
    'tests/unit/attachment-transfer.test.ts',
    'that is refused for good keeps its bytes (contract 4.4)',
  ],
  [
    16,
    'orphans are cleaned up without a grace, or never',
    'tests/unit/lifecycle-capture.test.ts',
    'is cleaned up after its grace, also by the next start, and then cannot be linked',
  ],
  [
    17,
    'the next user uploads the photos of the one before',
    'tests/unit/lifecycle-commit.test.ts',
    'never uploads what another account left under way (contract 4.8, field case 59)',
  ],
  [
    18,
    'no account in the path of an object',
    'tests/integration/ledger-defects.test.ts',
    'an object lies under its account and its own id, whatever its owner is called',
  ],
  [
    19,
    'the last step fails, and the whole file is sent again',
    'tests/unit/attachment-transfer.test.ts',
    'repeats only the attach step once the receipt is in the log (contract 3.5, field case 21)',
  ],
  [
    20,
    'everything is a JPEG, without a size, and nothing is validated',
    'tests/integration/ledger-limits.test.ts',
    'takes a picture whose picker knew no type: its bytes say what it is (original defect 20)',
  ],
  [
    21,
    'the sixth is dropped after it was saved, and uploaded all the same',
    'tests/integration/ledger-limits.test.ts',
    'and refuses the whole batch that would be one more (original defect 21)',
  ],
  [
    22,
    'two quick adds lose a ref',
    'tests/integration/ledger-defects.test.ts',
    'two adds at the same moment both stay',
  ],
  [
    23,
    'a path without a dot becomes a file name with slashes',
    'tests/integration/ledger-defects.test.ts',
    'a file whose name has no dot, or only dots, is taken',
  ],
  [
    24,
    'every background error counts as not offline',
    'tests/unit/attachment-transfer.test.ts',
    'burns nothing while offline or interrupted (contract 4.4, field case 27)',
  ],
  [
    25,
    'the logo goes its own way: no queue, a new object per retry',
    'tests/integration/ledger-features.test.ts',
    'a logo: the second takes the place of the first, its row follows, and removing it gives null',
  ],
  [
    26,
    'forms that overwrite, writes that the backend refuses and nobody hears of',
    'tests/unit/sync-pusher.test.ts',
    'brings any other refusal to the attachment, and pulls its scope from the beginning (contract 3.5)',
  ],
];

const web: readonly Shown[] = [
  [
    1,
    'the queue says that it would upload, and drops the row',
    'model-based-tests/support/feature-mutants.ts',
    'nothing is uploaded, and all of it said to be',
  ],
  [
    2,
    'dropped after five failures',
    'tests/unit/attachment-transfer.test.ts',
    'fails, retryable, after ten burnt attempts, and a retry starts afresh (contract 4.5)',
  ],
  [
    3,
    'bytes and job in two transactions',
    'tests/unit/lifecycle-capture.test.ts',
    'commits record, events, ref and job in one transaction, after the bytes (contract 3.2)',
  ],
  [
    4,
    'usage is counted by reading all bytes',
    'model-based-tests/support/feature-checks.ts',
    'the usage',
  ],
  [5, 'three rules of 90 % that disagree', 'tests/unit/guardrails-gate.test.ts', 'to the byte'],
  [
    6,
    'a missing table deletes the whole database',
    'tests/unit/edge-cases.test.ts',
    'a schema that cannot be made whole leaves the database as it was (field case 64)',
  ],
  [
    7,
    'cleanup that ignores the queue',
    'model-based-tests/support/feature-checks.ts',
    'bytes here',
  ],
  [
    8,
    "another user's op stops the queue, or the wrong one is dropped",
    'tests/unit/sync-pusher.test.ts',
    'puts off an op that the backend cannot take, so that the others go, and keeps the order of its ref (contract 4.6)',
  ],
  [
    9,
    'a timestamp in the path: a lost answer doubles the object',
    'tests/unit/lifecycle-transfer.test.ts',
    'an undo goes on with it, and it ends with one object',
  ],
  [
    10,
    'HEIC is refused here and accepted there',
    'tests/integration/ledger-defects.test.ts',
    'HEIC is taken by every slot for images, and stays HEIC',
  ],
  [
    11,
    'a captive portal counts as online',
    'tests/integration/tus-faults.test.ts',
    'a captive portal page',
  ],
];

describe.each([
  ['of the mobile app', mobile, 26],
  ['of the web app before it', web, 11],
] as const)('the defects %s', (_of, table, count) => {
  it.each(table)('%i: %s', (_number, _defect, file, title) => {
    expect(readFileSync(join(root, file), 'utf8')).toContain(title);
  });

  it('are all there', () => {
    expect(table.map(([number]) => number)).toEqual(
      Array.from({ length: count }, (_, index) => index + 1),
    );
  });
});

describe('shown here', () => {
  it('an object lies under its account and its own id, whatever its owner is called', async () => {
    const { ledger, entity, until, net, remote } = await ledgerWorld();
    const dinner = await entity('transaction', 'receiptImages');
    const [item] = ledger.gallery(dinner, 'receiptImages').list();
    net.set({ online: true });
    await until(ledger.lading.settled());
    expect([...remote.objects.keys()]).toEqual([`ada/${item?.ref.mediaId}`]);
  });

  it('two adds at the same moment both stay', async () => {
    const { ledger, entity, until } = await ledgerWorld();
    const lamp = await entity('item', 'images');
    const photos = ledger.gallery(lamp, 'images');
    await until(Promise.all([photos.add(images(2)), photos.add(images(1)), photos.add(images(1))]));
    expect(photos.list()).toHaveLength(5);
    expect(ledger.column(lamp, 'images')).toHaveLength(5);
    expect(photos.list().filter(({ ref }) => ref.isPrimary)).toHaveLength(1);
  });

  it.each(['photo', '...', 'päßchen'])(
    'a file whose name has no dot, or only dots, is taken: %s',
    async (filename) => {
      const { ledger, entity, done, blobs } = await ledgerWorld();
      const photos = ledger.gallery(await entity('item', 'images'), 'images');
      const [picture] = images(1);
      await done(
        photos.add([{ kind: 'image', source: { ...picture?.source, filename } as never }]),
      );
      expect(photos.list()).toHaveLength(2);
      expect(blobs.keys.every((key) => !key.includes(filename))).toBe(true);
    },
  );

  it('HEIC is taken by every slot for images, and stays HEIC', async () => {
    const { ledger, done } = await ledgerWorld();
    const picture = () => said('image', sampleHeif(), 'image/heic', 'IMG_0001.HEIC');
    const slots = [
      ['item', 'images'],
      ['transaction', 'receiptImages'],
      ['transaction', 'otherImages'],
      ['space', 'images'],
      ['project', 'mainImage'],
    ] as const;
    for (const [type, slot] of slots) {
      const wanted = { type, projectId: null, name: slot };
      const entity = await done(ledger.create(wanted, slot, [picture()]));
      const list = ledger.gallery(entity, slot).list();
      expect(list).toMatchObject([{ ref: { contentType: 'image/heic' } }]);
    }
    await done(ledger.settings.setLogo(picture()));
    expect(ledger.settings.logo()?.ref.contentType).toBe('image/heic');
  });
});
