import type { SqlTransaction } from '../../ports/sql.ts';

/**
 * Lends the commit's connection to code of the app's for one synchronous call. What it does later would be a commit
 * of its own, which nothing takes back: it throws.
 */
export function lendTransaction(
  sql: SqlTransaction,
  name: string,
  use: (tx: SqlTransaction) => unknown,
): void {
  let over = false;
  const lent = <Args extends readonly unknown[], Result>(call: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      if (over) throw new TypeError(`${name} used its transaction after the commit`);
      return call(...args);
    };
  };
  try {
    const result = use({
      run: lent((...args) => sql.run(...args)),
      get: lent((...args) => sql.get(...args)),
      all: lent((...args) => sql.all(...args)),
    });
    if (result instanceof Promise) {
      result.catch(() => {}); // it runs on after the call, where it can only fail
      throw new TypeError(`${name} must be synchronous: it returned a promise`);
    }
  } finally {
    over = true;
  }
}
