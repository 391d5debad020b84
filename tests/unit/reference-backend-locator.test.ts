import { createReferenceBackend } from 'lading/sync';
import { describe, expect, it } from 'vitest';
import type { BackendOp } from '../../ports/backend.ts';
import { virtualClock } from '../../testing/world/virtual-clock.ts';
import { media } from '../support/sync-parts.ts';

const URL = 'https://objects.example/1';
const OFFLINE = `offline://${media(1)}`;

describe('reference backend: locators', () => {
  it('gives the locator to every ref of the attachment, whatever project it is in, and tells both', async () => {
    const { backend, clock, put, urls } = setup();
    const heard: string[] = [];
    for (const projectId of ['p', 'q']) {
      backend.listen('ann', { accountId: 'ann', projectId }, ({ seq }) => {
        heard.push(`${projectId}${seq}`);
      });
    }
    put('p', OFFLINE);
    put('q', OFFLINE);
    await clock.advanceBy(1);
    put('p', URL);
    await clock.advanceBy(1);
    expect(urls()).toEqual([URL, URL]);
    expect(heard).toEqual(['p1', 'q1', 'p2', 'q2']);
  });

  it('gives a ref that is linked later the locator that is known', () => {
    const { put, urls } = setup();
    put('p', URL);
    put('q', OFFLINE);
    expect(urls()).toEqual([URL, URL]);
  });

  it('takes the locator from a put that came too late for its own ref (field case 56)', () => {
    const { backend, put, urls } = setup();
    put('p', OFFLINE);
    put('q', OFFLINE);
    put('p', null);
    expect(put('p', URL)).toMatchObject({ status: 'refused', code: 'ref_deleted' });
    expect(urls()).toEqual([OFFLINE, URL]);
    expect(backend.unreferenced(0)).toEqual([]);
  });
});

/** `put(project, url)`; a url of null deletes the ref. */
function setup() {
  const clock = virtualClock();
  const backend = createReferenceBackend({ clock });
  let count = 0;
  return {
    backend,
    clock,
    put: (projectId: string, url: string | null) => {
      const scope = { accountId: 'ann', projectId };
      const owner = { scope, entityType: 'item', entityId: 'i1', field: 'images' };
      const op: BackendOp =
        url === null
          ? { type: 'ref.delete', owner, mediaId: media(1) }
          : { type: 'ref.put', owner, ref: { mediaId: media(1), url, kind: 'image' }, rank: 'a0' };
      return backend.push('ann', [{ opId: `op${++count}`, op }])[0];
    },
    urls: () => backend.rows('ann').map(({ ref }) => ref.url),
  };
}
