import type { PushedOp, PushResult } from '../../../ports/backend.ts';
import type { BlobStore } from '../../../ports/blob-store.ts';
import { interposed } from '../interpose.ts';
import { type PlantedBug, plantedBugs } from '../planted-bugs.ts';
import type { Scenario } from '../scenario.ts';

/** A deliberate bug that a year must find. */
export interface YearBug extends PlantedBug {
  /** The promise whose oracle finds it. */
  readonly foundBy: string;
}

/** What leaks, or goes too early: each is planted from outside, and none of them is in the product. */
export const yearBugs: readonly YearBug[] = [
  {
    name: 'temporary-files-not-listed',
    sentence: 'Half-written files are not listed, so that garbage collection never sees them.',
    foundBy: 'a device has the files that its refs and policies call for, and no others',
    scenario: withKills,
    options: (real) => ({ ...real, blobs: withoutTemporary(real.blobs) }),
  },
  {
    name: 'file-never-swept',
    sentence: 'A file is not removed when its attachment is purged.',
    foundBy: 'a device has the files that its refs and policies call for, and no others',
    options: (real) => ({
      ...real,
      blobs: {
        ...real.blobs,
        remove: async (key) => (isOdd(key) ? undefined : real.blobs.remove(key)),
      },
    }),
  },
  {
    name: 'object-never-removed',
    sentence: 'The object of an attachment that was let go while it was sent stays at the remote.',
    foundBy: 'the remote has the objects that refs lead to, and no others',
    options: (real) => ({
      ...real,
      remote: { ...real.remote, remove: async () => ({ ok: true }) },
    }),
  },
  {
    name: 'usage-counted-twice',
    sentence: 'A file that becomes evictable is counted once more.',
    foundBy: 'usage is the sum of the files on the disk',
    sql: (real) =>
      interposed(real, {
        run: (next, sql, params) =>
          sql.startsWith('INSERT INTO lading_usage') && params[0] === -1 ? 0 : next(sql, ...params),
      }),
  },
  {
    name: 'eviction-as-deletion',
    sentence: 'What is evicted loses its ref, as if it had been removed.',
    foundBy: 'every device, and the app, has the refs of the backend',
    sql: (real) =>
      interposed(real, {
        run(next, sql, params) {
          const changed = next(sql, ...params);
          const isEvicted = params.some(
            (value) => typeof value === 'string' && value.includes('"local":"evicted"'),
          );
          // Its id comes first in a new row, and last where an old one is changed.
          const id = sql.startsWith('UPDATE lading_media') ? params.at(-1) : params[0];
          if (/^(UPDATE|INSERT OR REPLACE INTO) lading_media /.test(sql) && isEvicted) {
            next('DELETE FROM lading_ref WHERE media_id = ?', id ?? null);
          }
          return changed;
        },
      }),
  },
  {
    ...asPlanted('unsent-evicted'),
    foundBy: 'no byte is lost that was not sent',
  },
  {
    ...asPlanted('cache-unbounded'),
    foundBy: 'the cache keeps to its bytes and to its age',
  },
  {
    ...asPlanted('shared-file-removed'),
    foundBy: 'no byte is lost that was not sent',
    scenario: (real) => real,
  },
  goneThoughThere(),
  {
    name: 'gone-and-not-sent-again',
    sentence: 'What was linked too late is not sent again by the device that has its bytes.',
    foundBy: 'every device, and the app, has the refs of the backend',
    backend: (real) => ({
      ...real,
      async push(...args) {
        const results = await real.push(...args);
        return results.map((result) =>
          result.status === 'refused' && result.code === 'object_gone'
            ? refusedAsGone(result.opId)
            : result,
        );
      },
    }),
  },
  {
    name: 'tombstone-revives',
    sentence: 'A deletion arrives as if the ref stood.',
    foundBy: 'every device, and the app, has the refs of the backend',
    backend: (real) => ({
      ...real,
      async pull(...args) {
        const page = await real.pull(...args);
        const rows = page.rows.map((row) => (isOdd(row.id) ? { ...row, deletedAt: null } : row));
        return { ...page, rows };
      },
    }),
  },
];

/** One of those that short lives find too. */
function asPlanted(name: string): PlantedBug {
  const found = plantedBugs.find((bug) => bug.name === name);
  if (found === undefined) throw new Error(`no bug is called ${name}`);
  return found;
}

function goneThoughThere(): YearBug {
  const gone = new Set<string>();
  const isRefused = ({ op }: PushedOp): boolean => {
    if (op.type !== 'ref.put' || !isOdd(op.ref.mediaId)) return false;
    const isAttached = !op.ref.url.startsWith('offline:');
    if (isAttached && op.restore === true) gone.add(op.ref.mediaId);
    return gone.has(op.ref.mediaId);
  };
  return {
    name: 'gone-though-there',
    sentence:
      'Once an attachment is linked again, its refs are refused as if its object were deleted.',
    foundBy: 'every device, and the app, has the refs of the backend',
    backend: (real) => ({
      ...real,
      async push(ops, options) {
        const refused = ops.filter(isRefused);
        const others = ops.filter((one) => !refused.includes(one));
        const taken = await real.push(others, options);
        return [...taken, ...refused.map(({ opId }) => refusedAsGone(opId))];
      },
    }),
  };
}

/** Without a word on after what its bytes would have to be sent. */
function refusedAsGone(opId: string): PushResult {
  return { opId, status: 'refused', code: 'object_gone', message: 'It was deleted.' };
}

function withKills(real: Scenario): Scenario {
  return { ...real, troubles: new Set([...real.troubles, 'kill', 'power']) };
}

function withoutTemporary(blobs: BlobStore): BlobStore {
  return {
    ...blobs,
    async *list(...args) {
      for await (const file of blobs.list(...args)) if (!file.temporary) yield file;
    },
  };
}

/** Half of all attachments: what went wrong with every one would be found at once by anybody. @param name holds an id. */
function isOdd(name: string): boolean {
  const digits = UUID.exec(name)?.[0] ?? '0';
  return Number.parseInt(digits.slice(-1), 16) % 2 === 1;
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
