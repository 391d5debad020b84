import type { Logger } from '../../ports/logger.ts';
import type { Secrets } from '../../ports/secrets.ts';

/** Marks a handle in the log that is not to be read. */
const SEALED = 'sealed:';

/** Handles of uploads as they are stored: those that let in whoever has them are sealed (contract 10.4). */
export interface Vault {
  /** @throws {SecretsUnavailable} */
  seal(handle: string): Promise<string>;
  /**
   * The handle that a stored one stands for; null when nobody can open it any more.
   * @throws {SecretsUnavailable}: it may open at the next try.
   */
  open(stored: string | null): Promise<string | null>;
}

/** The keeper of secrets did not answer: a keychain that is locked may be open the next time. */
export class SecretsUnavailable extends Error {
  override readonly name = 'SecretsUnavailable';
}

export function createVault(logger: Logger, load: () => Promise<Secrets>): Vault {
  let loading: Promise<Secrets> | undefined;
  const secrets = (): Promise<Secrets> => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined; // a keychain that was locked may be open next time
      throw error;
    });
    return loading;
  };
  async function asked<T>(ask: (keeper: Secrets) => Promise<T>): Promise<T> {
    try {
      return await ask(await secrets());
    } catch (error) {
      logger.warn('the keeper of secrets did not answer', { error });
      throw new SecretsUnavailable('The keeper of secrets did not answer.', { cause: error });
    }
  }
  return {
    seal: async (handle) => `${SEALED}${await asked((keeper) => keeper.seal(handle))}`,
    async open(stored) {
      if (stored?.startsWith(SEALED) !== true) return stored;
      return asked((keeper) => keeper.open(stored.slice(SEALED.length)));
    },
  };
}
