import type { Logger } from './logger.ts';

/** Runs what belongs to somebody else: what it throws, or rejects with, is logged and stops nothing. */
export function safely(logger: Pick<Logger, 'error'>, sentence: string, run: () => unknown): void {
  const failed = (error: unknown): void => logger.error(sentence, { error });
  try {
    const running = run();
    if (running instanceof Promise) running.catch(failed);
  } catch (error) {
    failed(error);
  }
}
