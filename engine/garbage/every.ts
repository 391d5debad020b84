/** From the end of a collector's run to the next one, where the app says nothing. */
export const EVERY_MS = 24 * 3_600_000;
