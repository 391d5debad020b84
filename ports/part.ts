import { LadingError } from './errors.ts';

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

/** A part that is not there before `release` is called, however early it was loaded. */
export function heldBack<T>(part: Part<T>): Part<T> & { release(): void } {
  const released = Promise.withResolvers<void>();
  let isHeld = true;
  const held = Object.assign(async () => released.promise.then(() => part.here ?? part()), {
    release() {
      isHeld = false;
      released.resolve();
    },
  });
  return Object.defineProperty(held, 'here', { get: () => (isHeld ? undefined : part.here) });
}

/** A part that needs no loading. */
export function present<T>(part: T): Part<T> {
  return Object.assign(async () => part, { here: part });
}
