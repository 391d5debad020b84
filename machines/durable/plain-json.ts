/**
 * Where `value` is not plain JSON (`context.takenAt`), so that a log would not give it back as it was; undefined when
 * it is. Properties that are `undefined` count as absent.
 */
export function findNotJson(value: unknown, path: string): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : path;
  if (typeof value !== 'object') return path;
  if (!Array.isArray(value)) {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return path;
  }
  for (const [key, item] of Object.entries(value)) {
    const found = findNotJson(item, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
