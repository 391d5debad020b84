import { type Collector, createCollector } from '../engine/garbage/collector.ts';
import { type GarbageOptions, garbageSettings } from '../engine/garbage/options.ts';
import type { GarbageParts } from '../engine/garbage/run.ts';
import { garbageTable } from '../persistence/attachment/garbage-table.ts';

export { garbageSettings };

/** The collector on this database. @throws {LadingError} `invalid_option`. */
export function collecting(
  parts: Omit<GarbageParts, 'garbage' | 'protects' | 'settings'>,
  options: GarbageOptions | undefined,
): Collector {
  return createCollector({
    ...parts,
    settings: garbageSettings(options),
    garbage: garbageTable,
    protects: async () => undefined,
    compact: async () => {},
  });
}
