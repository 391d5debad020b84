import type { Logger } from './logger.ts';
import { redact, redacted } from './redact.ts';

/** The app's logger, which is told no secrets (contract 10.4); errors arrive as plain objects. */
export function redactingLogger(logger: Logger): Logger {
  const level =
    (name: keyof Logger): Logger['debug'] =>
    (message, details) =>
      details === undefined
        ? logger[name](redact(message))
        : logger[name](redact(message), redacted(details) as Readonly<Record<string, unknown>>);
  return {
    debug: level('debug'),
    info: level('info'),
    warn: level('warn'),
    error: level('error'),
  };
}
