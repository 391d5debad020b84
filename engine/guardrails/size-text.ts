const UNITS = ['KB', 'MB', 'GB', 'TB'] as const;

/** Bytes for people: "10MB", "1.5MB", "64KB", "100 bytes". Rounded down, so that a limit never says more than it allows. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${Math.floor(bytes)} bytes`;
  let [size, unit]: [number, string] = [bytes / 1024, UNITS[0]];
  for (const larger of UNITS.slice(1)) {
    if (size < 1024) break;
    [size, unit] = [size / 1024, larger];
  }
  return `${Math.floor(size * 10) / 10}${unit}`;
}
