import type { Lading, Owner } from 'lading';
import { describe, expect, it } from 'vitest';
import { captureMany, image, owner, picture, type World, world } from '../support/lading-world.ts';

const OTHER = 'account-2';

type Verb = (lading: Lading, id: string, of: Owner) => unknown;

/** Every verb that takes an id or an owner, on those of another account. */
const VERBS: Readonly<Record<string, Verb>> = {
  'capture into': (lading, _id, of) => lading.capture(picture(), { ...image(), owner: of }),
  'capture over': (lading, id) =>
    lading.capture(picture(), { ...image(), owner: owner('item.images', 'x', OTHER), id }),
  captureAll: (lading, _id, of) =>
    lading.captureAll([{ source: picture(), kind: 'image' }], { owner: of }),
  list: (lading, _id, of) => lading.list(of),
  resolve: (lading, id) => lading.resolve(id),
  'watch an owner': (lading, _id, of) => lading.watch(of, () => {}),
  'link to its owner': (lading, id, of) => lading.link(id, of),
  'link to mine': (lading, id) => lading.link(id, owner('item.images', 'x', OTHER)),
  remove: (lading, id, of) => lading.remove(id, of),
  'remove from mine': (lading, id) => lading.remove(id, owner('item.images', 'x', OTHER)),
  replace: (lading, id, of) => lading.replace(id, picture(), of, { kind: 'image' }),
  move: (lading, id, of) => lading.move(id, of, 0),
  setPrimary: (lading, id, of) => lading.setPrimary(id, of),
  cancel: (lading, id) => lading.cancel(id),
  ownerDeleted: (lading, _id, of) => lading.ownerDeleted(of),
  retry: (lading, id) => lading.retry(id),
  pause: (lading, id) => lading.pause(id),
  resume: (lading, id) => lading.resume(id),
  pin: (lading, id) => lading.pin(id),
  sendNow: (lading, id) => lading.sendNow(id),
  prefer: (lading, id) => lading.prefer(id),
  history: (lading, id) => lading.history(id),
  explain: (lading, id) => lading.explain(id),
  actor: (lading, id) => lading.actor(id),
  derive: (lading, id) => lading.derive(id, 'thumb', async () => new Uint8Array(1)),
};

/** Verbs without anybody's id: what they give and do is looked at below. */
const WITHOUT = [
  'account',
  'newMediaId',
  'view',
  'watch',
  'link',
  'linkAll',
  'undo',
  'retrySync',
  'credentials',
  'signOut',
  'forget',
  'collectGarbage',
  'settled',
  'verify',
  'storage',
  // What the remote has too goes from a full device, whosever it is; nothing of it is told.
  'freeRoom',
  'close',
  'importRefs',
  'recover',
  'attachmentLogic',
  'metrics',
  'capture',
  'dismissStorageWarning',
  'dismissStorage',
];

describe('contract 10.7: every read and write is scoped to an account', () => {
  it.each(Object.entries(VERBS))(
    '%s: refused, and shows and changes nothing',
    async (_name, verb) => {
      const { phone, lading, id } = await twoAccounts();
      const before = dump(phone);
      let shown: unknown;
      const code = await codeOfCall(phone, () => {
        shown = verb(lading, id, owner());
        return shown;
      });
      expect(['wrong_account', 'not_found', 'id_taken']).toContain(code);
      expect(dump(phone)).toBe(before);
    },
  );

  it('has every verb of the interface in that list, or says why not', async () => {
    const { lading } = await twoAccounts();
    const listed = new Set([...Object.keys(VERBS), ...WITHOUT]);
    expect(Object.keys(lading).filter((name) => !listed.has(name))).toEqual([]);
  });

  it('shows of another account what it would show of an unknown one: nothing', async () => {
    const { phone, lading, id } = await twoAccounts();
    const unknown = lading.newMediaId();
    expect(lading.view(id)).toEqual(lading.view(unknown));
    expect(lading.storage().usedBytes).toBe(0);
    expect((await phone.until(lading.settled())).waiting).toEqual([]);
    const views: unknown[] = [];
    lading.watch(id, (view) => views.push(view));
    expect(views).toEqual([lading.view(unknown)]);
    expect(JSON.stringify(lading.metrics())).not.toContain(id);
  });

  it('sends nothing of another account, whatever is asked for', async () => {
    const { phone, lading } = await twoAccounts();
    phone.net.set({ online: true });
    await phone.until(lading.retrySync());
    await phone.until(lading.settled());
    await phone.pass(3_600_000);
    expect(phone.remote.calls).toEqual([]);
  });
});

/** One attachment of {@link ME}, not uploaded; and Lading, open for the other account. */
async function twoAccounts(): Promise<{ phone: World; lading: Lading; id: string }> {
  const phone = world({ online: false });
  const mine = await phone.open();
  const [id = ''] = await captureMany(phone, mine, 1);
  await phone.until(mine.close());
  return { phone, id, lading: await phone.open({ account: OTHER }) };
}

function dump(phone: World): string {
  const tables = [
    'lading_event',
    'lading_media',
    'lading_ref',
    'lading_job',
    'lading_outbox',
    'lading_task',
  ];
  return JSON.stringify(tables.map((table) => phone.rows(`SELECT * FROM ${table}`)));
}

async function codeOfCall(phone: World, call: () => unknown): Promise<unknown> {
  try {
    await phone.until(Promise.resolve(call()));
    return 'no error';
  } catch (error) {
    return (error as { readonly code?: unknown }).code ?? error;
  }
}
