import { httpRemote } from 'lading/remotes/http';
import { s3Remote } from 'lading/remotes/s3';
import { tusRemote } from 'lading/remotes/tus';
import { expect, it } from 'vitest';

const endpoint = 'https://files.example.com:8443/uploads';

it.each([
  ['tus', tusRemote({ endpoint }), 'files.example.com:8443'],
  ['HTTP', httpRemote({ endpoint }), 'files.example.com:8443'],
  [
    'S3',
    s3Remote({
      bucket: 'photos',
      region: 'eu-central-1',
      sign: async () => ({ ok: false, class: 'auth', code: 'unused' }),
    }),
    'photos.s3.eu-central-1.amazonaws.com',
  ],
])(
  'a %s remote names the host that rests when it fails, as urls do (contract 4.5)',
  (_, remote, host) => {
    expect(remote.host).toBe(host);
  },
);
