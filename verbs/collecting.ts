import { type Collector, createCollector } from '../engine/garbage/collector.ts';
import type { GarbageParts } from '../engine/garbage/run.ts';
import { garbageTable } from '../persistence/attachment/garbage-table.ts';

/** The collector on this database. */
export function collecting(parts: Omit<GarbageParts, 'garbage' | 'protects'>): Collector {
  return createCollector({
    ...parts,
    garbage: garbageTable,
    protects: async () => undefined,
    compact: async () => {},
  });
}
