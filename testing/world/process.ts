import type { Clock } from '../../ports/clock.ts';
import type { SimDatabase } from './sim-sqlite.ts';

/**
 * A simulated process of an operating system. What it gets, it gets through here; after `kill()` none of it acts any
 * more: promises stay unresolved for ever, callbacks and timers never fire, methods that answered at once while it
 * lived throw {@link ProcessKilled}. So whatever code of the dead process still runs to the end of its turn, the world does not
 * notice.
 */
export interface SimProcess {
  readonly name: string;
  readonly isAlive: boolean;
  /** Idempotent. Databases are abandoned, not closed. */
  kill(): void;
  /** Runs `react` at once when the process is killed, in the order they were asked for. */
  onKill(react: () => void): void;
  /** The clock, as this process sees it: `now()` stands still once it is dead. */
  clock(clock: Clock): Clock;
  /**
   * A port as this process sees it. Functions in arguments are gated; objects with methods in results are wrapped
   * too, whether they come by promise or by iteration.
   */
  port<T extends object>(target: T): T;
  /** A database that belongs to this process: it dies with it. */
  database(database: SimDatabase): SimDatabase['sql'];
  /** The promise while the process lives; for what an oracle wants to hear from it. */
  guard<T>(promise: Promise<T>): Promise<T>;
}

/** Thrown by synchronous calls of a dead process; nobody needs to handle it. */
export class ProcessKilled extends Error {
  override readonly name = 'ProcessKilled';
}

/** @param name for messages. */
export function simProcess(name: string): SimProcess {
  const reactions: (() => void)[] = [];
  let alive = true;

  const gate =
    <Args extends unknown[]>(run: (...args: Args) => unknown) =>
    (...args: Args): unknown =>
      alive ? run(...args) : undefined;

  const guard = <T>(promise: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      promise.then(gate(resolve), gate(reject));
    });

  const wrapResult = (value: unknown): unknown => {
    if (value instanceof Promise) return guard(value.then(wrapResult));
    if (isIterable(value)) return guardedIteration(value);
    if (isFunction(value)) return gate(value);
    return hasMethods(value) ? port(value) : value;
  };

  async function* guardedIteration(source: AsyncIterable<unknown>): AsyncIterable<unknown> {
    const iterator = source[Symbol.asyncIterator]();
    let finished = false;
    try {
      for (;;) {
        const next = await guard(Promise.resolve(iterator.next()));
        finished = next.done === true;
        if (finished) return;
        yield wrapResult(next.value);
      }
    } finally {
      if (!finished && alive) await iterator.return?.();
    }
  }

  const port = <T extends object>(target: T): T => {
    const kinds = new Map<PropertyKey, ResultKind>();
    // Over an heir of the target, which has no properties of its own: a frozen target may be wrapped too.
    return new Proxy(Object.create(target) as T, {
      get(_heir, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return hasMethods(value) ? port(value) : value;
        return (...args: unknown[]): unknown => {
          if (!alive)
            return nothingFor(kinds.get(property), `${name} is dead: ${String(property)}`);
          const gated = args.map((arg) => (isFunction(arg) ? gate(arg) : arg));
          const result: unknown = Reflect.apply(value, target, gated);
          kinds.set(property, kindOf(result));
          return wrapResult(result);
        };
      },
    });
  };

  return {
    name,
    get isAlive() {
      return alive;
    },
    kill() {
      if (!alive) return;
      alive = false;
      for (const react of reactions) react();
    },
    onKill(react) {
      if (alive) reactions.push(react);
      else react();
    },
    clock(clock) {
      let last = clock.now();
      return {
        now() {
          if (alive) last = clock.now();
          return last;
        },
        schedule: (delayMs, run) => (alive ? clock.schedule(delayMs, gate(run)) : () => {}),
      };
    },
    port,
    database(database) {
      this.onKill(() => database.abandon());
      return database.sql;
    },
    guard,
  };
}

/** Something to call, rather than something to read: a port, an open file, a handle. */
function hasMethods(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (ArrayBuffer.isView(value) || value instanceof AbortSignal || value instanceof Error)
    return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    return Object.values(value).some((member) => typeof member === 'function');
  }
  return !(value instanceof Map || value instanceof Set || value instanceof ArrayBuffer);
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

type ResultKind = 'promise' | 'iteration' | 'value';

function kindOf(result: unknown): ResultKind {
  if (result instanceof Promise) return 'promise';
  return isIterable(result) ? 'iteration' : 'value';
}

/** What a dead process gets from a method that used to answer like this. @throws {ProcessKilled} if it did at once. */
function nothingFor(kind: ResultKind | undefined, message: string): unknown {
  if (kind === 'value') throw new ProcessKilled(message);
  const never = new Promise<never>(() => {});
  return kind === 'iteration' ? { [Symbol.asyncIterator]: () => ({ next: () => never }) } : never;
}

function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === 'function';
}
