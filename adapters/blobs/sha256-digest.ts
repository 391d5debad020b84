import { createHash } from 'node:crypto';
import type { Digest } from '../../ports/blob-store.ts';

/** Node's own SHA-256. */
export function sha256Digest(): Digest {
  const hash = createHash('sha256');
  return {
    update: (bytes) => void hash.update(bytes),
    hex: () => hash.digest('hex'),
  };
}
