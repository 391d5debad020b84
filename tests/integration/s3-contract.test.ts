import { objectKeyOf, type S3RemoteOptions, s3Remote } from 'lading/remotes/s3';
import { describeRemote } from 'lading/testing/contracts';
import { describe } from 'vitest';
import { presigning, signingServer } from '../support/presigning.ts';
import { type RgwWorld, rgw, rgwWorld, storeName, whyNot } from '../support/rgw-world.ts';

type Signing = (world: RgwWorld) => Pick<S3RemoteOptions, 'credentials' | 'sign'>;

const SIGNING: Readonly<Record<string, Signing>> = {
  'credentials on the device': ({ credentials }) => ({ credentials }),
  'urls that the app presigns': (world) => ({ sign: presigning(world) }),
  'a server with s3Signer': (world) => ({ sign: signingServer(world, accountOf) }),
};
/** Swift refuses a condition before it reads the body, and a proxy in between may lose that: sought by tests of their own. */
const CONDITIONS = storeName === 'Swift' ? { conditionalWrites: false } : {};
const IN_PARTS = { multipartAboveBytes: 1 };

describe.skipIf(rgw === null)(`on ${storeName}${whyNot}`, () => {
  for (const [who, signing] of Object.entries(SIGNING)) {
    describeRemote(`S3, ${who}, one PUT`, async () => {
      const world = await rgwWorld();
      return {
        ...standing(world, signing, {}),
        loseNextCompletion: () => world.proxy.plan({ method: 'PUT', act: 'lose reply' }),
      };
    });
    describeRemote(`S3, ${who}, in parts`, async () => {
      const world = await rgwWorld();
      return {
        ...standing(world, signing, IN_PARTS),
        // The first POST begins the upload.
        loseNextCompletion: () => world.proxy.plan({ method: 'POST', after: 1, act: 'lose reply' }),
      };
    });
  }
});

function standing(world: RgwWorld, signing: Signing, options: Partial<S3RemoteOptions>) {
  const { endpoint, bucket } = world;
  return {
    remote: s3Remote({ endpoint, bucket, ...signing(world), ...CONDITIONS, ...options }),
    stored: (key: Parameters<RgwWorld['stored']>[0]) => world.stored(key),
    breakNextUpload: () =>
      world.proxy.plan({ method: 'PUT', act: 'cut', side: 'request', afterBytes: 100_000 }),
    dispose: () => world.dispose(),
  };
}

/** A server knows it by the session. */
function accountOf(key: string): string {
  const [account = ''] = (objectKeyOf('', key) ?? key).split('/');
  return decodeURIComponent(account);
}
