import type { Remote } from 'lading';
import { describe, expect, it } from 'vitest';
import type { Secrets } from '../../ports/secrets.ts';
import { image, picture, world } from '../support/lading-world.ts';

/** A keychain that can be locked, or lose its keys; and a remote that names its uploads with secret urls. */
function locker() {
  const phone = world();
  const seen: (readonly ['upload' | 'remove', string | null])[] = [];
  const keychain: { state: 'open' | 'locked' | 'lost' } = { state: 'open' };
  let finishes = false;
  const secrets: Secrets = {
    async seal(text) {
      if (keychain.state === 'locked') throw new Error('the keychain is locked');
      return Buffer.from(text).toString('hex');
    },
    async open(text) {
      if (keychain.state === 'locked') throw new Error('the keychain is locked');
      return keychain.state === 'lost' ? null : Buffer.from(text, 'hex').toString();
    },
  };
  const remote: Remote = {
    ...phone.remote,
    async upload(request, context) {
      seen.push(['upload', context.handle]);
      if (context.handle === null) await context.opened(URL_OF_IT, { isSecret: true });
      if (finishes) return phone.remote.upload(request, context);
      return new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => reject(context.signal.reason));
      });
    },
    async remove(_key, { handle }) {
      seen.push(['remove', handle]);
      return { ok: true };
    },
  };
  const finish = (): void => {
    finishes = true;
  };
  const open = () => phone.open({ remote, secrets });
  return { phone, seen, keychain, open, finish };
}

const URL_OF_IT = 'https://tus.example/upload-1';

describe('a keeper of secrets that is locked', () => {
  it('is waited for by the removal of an upload, which is not taken as done (contract 5.2, 10.4)', async () => {
    const { phone, seen, keychain, open } = locker();
    const lading = await open();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass(1_000);
    keychain.state = 'locked';
    await phone.until(lading.cancel(photo.id));
    await phone.pass(1_000);
    expect(seen).toEqual([['upload', null]]);
    const story = (await phone.until(lading.explain(photo.id))).sentences.join('\n');
    expect(story).toContain('keychain may be locked');
    expect(story).not.toMatch(/Removed from the remote|found nothing left/);
    keychain.state = 'open';
    await phone.pass(60_000);
    expect(seen.at(1)).toEqual(['remove', URL_OF_IT]);
    expect(phone.logged.map(({ message }) => message)).toContain(
      'the keeper of secrets did not answer',
    );
  });

  it('is waited for by an upload, which goes on where it stood', async () => {
    const { phone, seen, keychain, open, finish } = locker();
    const first = await open();
    const photo = await phone.until(first.capture(picture(), image()));
    await phone.pass(1_000);
    phone.kill();
    keychain.state = 'locked';
    const lading = await open();
    await phone.pass(20_000);
    expect(seen).toEqual([['upload', null]]);
    expect(lading.view(photo.id).state).toBe('local_only');
    keychain.state = 'open';
    finish();
    await phone.pass(120_000);
    expect(seen.at(1)).toEqual(['upload', URL_OF_IT]);
    expect(lading.view(photo.id).state).toBe('uploaded');
  });

  it('that fails to seal costs one attempt, which can be tried again', async () => {
    const { phone, keychain, open, finish } = locker();
    keychain.state = 'locked';
    const lading = await open();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass(1_000);
    expect(lading.view(photo.id).state).toBe('local_only');
    keychain.state = 'open';
    finish();
    await phone.pass(120_000);
    expect(lading.view(photo.id).state).toBe('uploaded');
  });
});

describe('a keeper of secrets that lost its keys', () => {
  it('lets a removal say that something may remain, and never that nothing is left', async () => {
    const { phone, keychain, open } = locker();
    const lading = await open();
    const photo = await phone.until(lading.capture(picture(), image()));
    await phone.pass(1_000);
    keychain.state = 'lost';
    await phone.until(lading.cancel(photo.id));
    await phone.pass(3_600_000);
    const story = (await phone.until(lading.explain(photo.id))).sentences.join('\n');
    expect(story).toContain('an unfinished upload may remain at the remote');
    expect(story).not.toMatch(/found nothing left/);
  });
});
