import { createCompactor } from '../engine/compaction/compactor.ts';
import { createCollector } from '../engine/garbage/collector.ts';
import { createGarbage, type Garbage } from '../engine/garbage/garbage.ts';
import { type GarbageOptions, garbageSettings } from '../engine/garbage/options.ts';
import type { GarbageParts } from '../engine/garbage/run.ts';
import { createProtection } from '../engine/healing/protected.ts';
import type { HostedMachine } from '../engine/host/definition.ts';
import { attachmentCompaction } from '../engine/lifecycle/compaction.ts';
import { derivedTable } from '../persistence/attachment/derived-table.ts';
import { garbageTable } from '../persistence/attachment/garbage-table.ts';
import { healingRows } from '../persistence/attachment/healing-rows.ts';
import { compactionTable } from '../persistence/log/compaction-table.ts';
import { vacuum } from '../persistence/vacuum.ts';

export { garbageSettings };

/** The collector on this database, with its schedule. @throws {LadingError} `invalid_option`. */
export function collecting(
  parts: Omit<
    GarbageParts,
    'garbage' | 'derived' | 'protection' | 'settings' | 'compactor' | 'giveBackPages'
  > & {
    readonly machine: HostedMachine;
  },
  options: GarbageOptions | undefined,
): Garbage {
  const { blobs, events, host, logger, machine } = parts;
  const settings = garbageSettings(options);
  const collector = createCollector({
    ...parts,
    settings,
    garbage: garbageTable,
    derived: derivedTable,
    compactor: createCompactor({
      events,
      logger,
      table: compactionTable,
      machines: [{ machine, rules: attachmentCompaction }],
    }),
    giveBackPages: (pages) => vacuum(events, pages),
    protection: () =>
      createProtection({ host, events, rows: healingRows, sidecars: blobs.sidecars }),
  });
  return createGarbage({ ...parts, collector, everyMs: settings.everyMs });
}
