import type { Json } from '../json.ts';

/** Whether two JSON values are the same, whatever the order of their properties. */
export function isDeepEqual(one: Json, other: Json): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    return false;
  }
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const [left, right] = [Object.entries(one), new Map(Object.entries(other))];
  return (
    left.length === right.size &&
    left.every(([key, value]) => {
      const found: Json | undefined = right.get(key);
      return found !== undefined && isDeepEqual(value, found);
    })
  );
}
