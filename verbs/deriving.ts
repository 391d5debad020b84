import { createDerivedFiles, type DerivedFiles, type Make } from '../engine/files/derived.ts';
import {
  type ResolvedBytes,
  type ResolveParts,
  resolveBytes,
} from '../engine/lifecycle/resolve.ts';
import type { MediaId } from '../machines/attachment/types.ts';
import { derivedTable } from '../persistence/attachment/derived-table.ts';
import type { Files } from './files.ts';

type Parts = ResolveParts &
  Omit<Parameters<typeof createDerivedFiles>[0], 'table' | 'readers' | 'recency'>;

/** The verb `derive`, with what it needs of the attachment's own bytes. */
export function deriving(parts: Parts, files: Files): { derive: Derive } {
  const { readers, recency } = files;
  const derived: DerivedFiles = createDerivedFiles({
    ...parts,
    readers,
    recency,
    table: derivedTable,
  });
  return {
    derive: (mediaId, name, make) =>
      derived.derive(mediaId, name, make, () => resolveBytes(parts, mediaId)),
  };
}

type Derive = (mediaId: MediaId, name: string, make: Make) => Promise<ResolvedBytes>;
