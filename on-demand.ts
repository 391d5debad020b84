import { LadingError } from './ports/errors.ts';

/**
 * The parts that opening, capturing and uploading do not need: each is loaded when it is first asked for. One that is
 * loaded is there within a microtask, so that virtual time never waits for a disk.
 */
export const onDemand = {
  actors: lazily(() => import('./engine/actors/actors.ts')),
  importing: lazily(() => import('./engine/importing/import-refs.ts')),
  explain: lazily(() => import('./engine/explain/explain.ts')),
  audit: lazily(() => import('./persistence/attachment/audit.ts')),
  commands: lazily(() => import('./engine/lifecycle/commands.ts')),
  forget: lazily(() => import('./engine/lifecycle/forget.ts')),
  accountRows: lazily(() => import('./persistence/attachment/account-rows.ts')),
  secretsBeside: lazily(() => import('./engine/lifecycle/secrets-beside.ts')),
  inspect: lazily(() => import('./engine/observe/inspected.ts')),
  intake: lazily(() => import('./engine/intake/index.ts')),
  migrations: lazily(() => import('./persistence/migrations/index.ts')),
  narrate: lazily(() => import('./engine/observe/narrate.ts')),
  resolve: lazily(() => import('./engine/lifecycle/resolve.ts')),
  settled: lazily(() => import('./engine/lifecycle/settled.ts')),
  sync: lazily(() => import('./sync/open-sync.ts')),
  syncTables: lazily(() => import('./persistence/attachment/sync-tables.ts')),
  verify: lazily(() => import('./engine/lifecycle/verify.ts')),
} as const;

/**
 * Loads all that Lading otherwise loads when a verb first needs it. For a page that may lose the network before that,
 * and for tests on virtual time. Where everything is one file, or on this disk, nobody needs it.
 * @throws {LadingError} `part_not_loaded`.
 */
export async function preload(): Promise<void> {
  await Promise.all(Object.values(onDemand).map((load) => load()));
}

/** A part that is loaded when it is first asked for. */
export interface Part<T> {
  /** @throws {LadingError} `part_not_loaded`. */
  (): Promise<T>;
  /** The part, once it is loaded: nobody waits then, so that what is asked for first is done first. */
  readonly here?: T;
}

/** Loads once; what failed, as for want of a network, is tried again by the next call. */
export function lazily<T>(load: () => Promise<T>): Part<T> {
  let loading: Promise<T> | undefined;
  const part: { (): Promise<T>; here?: T } = () => {
    loading ??= load().then(
      (loaded) => {
        part.here = loaded;
        return loaded;
      },
      (cause: unknown) => {
        loading = undefined;
        throw new LadingError(
          'part_not_loaded',
          'A part of Lading could not be loaded; nothing was done. Try again when there is a network, and call preload() while there is.',
          { cause },
        );
      },
    );
    return loading;
  };
  return part;
}

/** What is made once of a part, when it is loaded. */
export function made<Module, T>(part: Part<Module>, make: (loaded: Module) => T): Part<T> {
  let one: T | undefined;
  const of = (loaded: Module): T => {
    one ??= make(loaded);
    return one;
  };
  return Object.defineProperty(async () => of(part.here ?? (await part())), 'here', {
    get: () => part.here && of(part.here),
  });
}
