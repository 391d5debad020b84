import type { Logger } from '../../ports/logger.ts';
import type { Secrets } from '../../ports/secrets.ts';

/** Marks a handle in the log that is not to be read. */
const SEALED = 'sealed:';

/** Handles of uploads as they are stored: those that let in whoever has them are sealed (contract 10.4). */
export interface Vault {
  seal(handle: string): Promise<string>;
  /** The handle that a stored one stands for; null when it cannot be opened any more. */
  open(stored: string | null): Promise<string | null>;
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
  return {
    seal: async (handle) => `${SEALED}${await (await secrets()).seal(handle)}`,
    async open(stored) {
      if (stored?.startsWith(SEALED) !== true) return stored;
      try {
        return await (await secrets()).open(stored.slice(SEALED.length));
      } catch (error) {
        // Resuming is a saving, not a truth: without its handle an upload begins again.
        logger.warn('the handle of an upload cannot be opened', { error });
        return null;
      }
    },
  };
}
