/** Where the engine tells what it does; silent by default. Messages carry ids, never names, paths, keys or urls. */
export interface Logger {
  debug(message: string, details?: Readonly<Record<string, unknown>>): void;
  info(message: string, details?: Readonly<Record<string, unknown>>): void;
  warn(message: string, details?: Readonly<Record<string, unknown>>): void;
  error(message: string, details?: Readonly<Record<string, unknown>>): void;
}

const silent = (): void => {};
export const silentLogger: Logger = { debug: silent, info: silent, warn: silent, error: silent };
