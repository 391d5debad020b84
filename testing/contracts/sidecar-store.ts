import { expect } from 'vitest';
import { sidecarName } from '../../ports/sidecar-name.ts';
import type { SidecarName, SidecarStore } from '../../ports/sidecars.ts';
import { type ContractCase, type ContractSetup, describeContract } from './contract.ts';

export interface SidecarStoreSetup extends ContractSetup {
  readonly store: SidecarStore;
  /** A second store on the same files, as after a restart. */
  readonly reopen: () => SidecarStore;
}

/**
 * What the sidecars of every blob store keep that has them. Call it beside `describeBlobStore`:
 *
 * ```ts
 * describeSidecarStore('my store', async () => ({ store: sidecarsOf(myBlobs()), reopen: () => sidecarsOf(myBlobs()) }))
 * ```
 */
export function describeSidecarStore(name: string, setup: () => Promise<SidecarStoreSetup>): void {
  describeContract(`sidecar store contract: ${name}`, sidecarStoreCases, setup);
}

const name = sidecarName('account-1', '01890a5d-ac96-774b-bcce-b302099a8057');
const sibling = sidecarName('account-1', '01890a5d-ac96-774b-bcce-b302099a8058');
const foreign = sidecarName('account-2', '01890a5d-ac96-774b-bcce-b302099a8057');

/** One by one; {@link describeSidecarStore} makes tests of them. */
export const sidecarStoreCases: readonly ContractCase<SidecarStoreSetup>[] = [
  {
    title: 'gives back the text that was written, also after it was opened anew',
    async run({ store, reopen }) {
      const text = JSON.stringify({ name: 'Ünïcode 📷', long: 'x'.repeat(20_000) });
      await store.write(name, text);
      expect(await store.read(name)).toBe(text);
      expect(await reopen().read(name)).toBe(text);
    },
  },
  {
    title: 'replaces a text that is written again',
    async run({ store }) {
      await store.write(name, 'a longer first text');
      await store.write(name, 'second');
      expect(await store.read(name)).toBe('second');
      expect(await listed(store)).toEqual([name]);
    },
  },
  {
    title: 'answers with undefined where there is none',
    async run({ store }) {
      expect(await store.read(name)).toBeUndefined();
      await store.write(sibling, 'another one');
      expect(await store.read(name)).toBeUndefined();
    },
  },
  {
    title: 'removes a text, and has no objection to removing it again',
    async run({ store, reopen }) {
      await store.remove(name);
      await store.write(name, 'text');
      await store.remove(name);
      await store.remove(name);
      expect(await store.read(name)).toBeUndefined();
      expect(await listed(reopen())).toEqual([]);
    },
  },
  {
    title: 'lists all it holds, or those of one account alone (contract 10.7)',
    async run({ store }) {
      for (const one of [name, sibling, foreign]) await store.write(one, one);
      expect(await listed(store)).toEqual([name, sibling, foreign].toSorted());
      expect(await listed(store, 'account-1')).toEqual([name, sibling].toSorted());
      expect(await listed(store, 'account-2')).toEqual([foreign]);
      expect(await listed(store, 'account')).toEqual([]);
    },
  },
  {
    title: 'keeps the texts of different accounts apart',
    async run({ store }) {
      await store.write(name, 'of one');
      await store.write(foreign, 'of the other');
      await store.remove(foreign);
      expect(await store.read(name)).toBe('of one');
    },
  },
  {
    title: 'refuses names that are not made of ids (contract 10.1)',
    async run({ store }) {
      for (const bad of BAD_NAMES) {
        const write = store.write(bad as SidecarName, 'text');
        await expect(write).rejects.toMatchObject({ code: 'invalid_id' });
      }
      expect(await listed(store)).toEqual([]);
    },
  },
];

const BAD_NAMES = [
  '',
  '..',
  '../up',
  'a-x',
  'a-x/../m-y',
  '/a-x/m-y',
  'a-x/m-y/z',
  'a-X/m-y',
  'tmp/x',
];

async function listed(store: SidecarStore, accountId?: string): Promise<readonly SidecarName[]> {
  const found: SidecarName[] = [];
  for await (const one of store.list(accountId)) found.push(one);
  return found.toSorted();
}
