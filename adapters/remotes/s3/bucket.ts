import { LadingError } from '../../../ports/errors.ts';
import type { ObjectKey } from '../../../ports/remote.ts';
import { s3Key } from '../s3-keys.ts';
import { endpointOf } from '../transport/places.ts';
import type { S3RemoteOptions } from './options.ts';

/** Where the objects are. */
export interface Bucket {
  readonly name: string;
  readonly region: string;
  readonly endpoint: URL;
  readonly pathStyle: boolean;
  readonly prefix: string;
  /** What the address of every object begins with. */
  readonly address: URL;
  addressOf(objectKey: ObjectKey): string;
  /** The key of an address in this bucket; undefined for any other url. */
  keyAt(url: URL): string | undefined;
}

/** @throws {LadingError} `invalid_option`. */
export function bucketOf(options: S3RemoteOptions): Bucket {
  const { bucket: name, region = 'us-east-1', prefix = '' } = options;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/i.test(name)) {
    throw new LadingError('invalid_option', 'The name of a bucket has letters, digits, - and .');
  }
  if (!/^([A-Za-z0-9!_.*'()-]+\/)*$/.test(prefix) || /(^|\/)\.+\//.test(prefix)) {
    throw new LadingError(
      'invalid_option',
      'A prefix is made of plain names, each with a / behind.',
    );
  }
  const given = options.endpoint ?? `https://s3.${region}.amazonaws.com`;
  const endpoint = endpointOf(given, 'endpoint');
  if (endpoint.pathname !== '/' || endpoint.search !== '') {
    throw new LadingError('invalid_option', 'An endpoint of S3 is scheme, host and port alone.');
  }
  const pathStyle = options.pathStyle ?? (options.endpoint !== undefined || name.includes('.'));
  const address = new URL(endpoint);
  if (pathStyle) address.pathname = `/${name}/`;
  else address.hostname = `${name}.${endpoint.hostname}`;
  const base = address.href;
  return {
    name,
    region,
    endpoint,
    pathStyle,
    prefix,
    address,
    addressOf: (objectKey) => base + s3Key(prefix, objectKey).split('/').map(encoded).join('/'),
    keyAt(url) {
      if (url.origin !== address.origin || !url.pathname.startsWith(address.pathname))
        return undefined;
      try {
        return decodeURIComponent(url.pathname.slice(address.pathname.length));
      } catch {
        return undefined;
      }
    },
  };
}

/** As signatures are made of it: everything but letters, digits and `-_.~`. */
function encoded(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
