import { lazily } from './ports/part.ts';

/**
 * The parts that opening and showing do not need: each is loaded when it is first asked for. One that is
 * loaded is there within a microtask, so that virtual time never waits for a disk.
 */
export const onDemand = {
  actors: lazily(() => import('./engine/actors/actors.ts')),
  importing: lazily(() => import('./engine/importing/import-refs.ts')),
  explain: lazily(() => import('./engine/explain/explain.ts')),
  audit: lazily(() => import('./persistence/attachment/audit.ts')),
  capturing: lazily(() => import('./verbs/capturing.ts')),
  changing: lazily(() => import('./verbs/changing.ts')),
  deriving: lazily(() => import('./verbs/deriving.ts')),
  files: lazily(() => import('./verbs/files.ts')),
  healing: lazily(() => import('./verbs/healing.ts')),
  forget: lazily(() => import('./verbs/forgetting.ts')),
  garbage: lazily(() => import('./verbs/collecting.ts')),
  secretsBeside: lazily(() => import('./engine/lifecycle/secrets-beside.ts')),
  inspect: lazily(() => import('./engine/observe/inspected.ts')),
  intake: lazily(() => import('./engine/intake/index.ts')),
  logging: lazily(() => import('./ports/redacting-logger.ts')),
  migrations: lazily(() => import('./persistence/migrations/index.ts')),
  narrate: lazily(() => import('./engine/observe/narrate.ts')),
  reservations: lazily(() => import('./engine/guardrails/reservations.ts')),
  resolve: lazily(() => import('./engine/lifecycle/resolve.ts')),
  session: lazily(() => import('./verbs/session.ts')),
  settled: lazily(() => import('./engine/lifecycle/settled.ts')),
  sync: lazily(() => import('./sync/open-sync.ts')),
  syncTables: lazily(() => import('./persistence/attachment/sync-tables.ts')),
  preferring: lazily(() => import('./verbs/preferring.ts')),
  uploading: lazily(() => import('./verbs/uploading.ts')),
  verify: lazily(() => import('./engine/lifecycle/verify.ts')),
} as const;

/**
 * Loads all that Lading otherwise loads when it is first needed, capturing and uploading among it. A page that must work
 * offline calls it before the first offline capture, or has its service worker precache the chunks; tests on virtual
 * time call it too. Where everything is one file, or on this disk, nobody needs it.
 * @throws {LadingError} `part_not_loaded`.
 */
export async function preload(): Promise<void> {
  await Promise.all(Object.values(onDemand).map((load) => load()));
}
