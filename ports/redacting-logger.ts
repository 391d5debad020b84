import type { Logger } from './logger.ts';
import { redact, redacted } from './redact.ts';

/**
 * The app's logger, which is told no secrets (contract 10.4); errors arrive as plain objects. What it throws, or rejects
 * with, ends here: what was logged about must not fail for that.
 */
export function redactingLogger(logger: Logger): Logger {
  const level =
    (name: keyof Logger): Logger['debug'] =>
    async (message, details) => {
      try {
        const said =
          details === undefined ? [] : [redacted(details) as Readonly<Record<string, unknown>>];
        const written: unknown = logger[name](redact(message), ...said);
        await written; // an app's logger may be async
      } catch {
        // Nobody is left to be told.
      }
    };
  return {
    debug: level('debug'),
    info: level('info'),
    warn: level('warn'),
    error: level('error'),
  };
}
