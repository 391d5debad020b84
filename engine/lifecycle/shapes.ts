/**
 * Says where a value is not as it must be: the path to it, '' for the value itself, null when it is sound. Checked in
 * every commit and by few rules, so that the core does without a schema library (docs/decisions/0005).
 */
export type Shape = (value: unknown) => string | null;

/** Text of so many UTF-16 units. */
export function text(longest: number, shortest = 0): Shape {
  return which(
    (value) => typeof value === 'string' && value.length >= shortest && value.length <= longest,
  );
}

/** Exactly these keys, each of its shape. */
export function object(shapes: Readonly<Record<string, Shape>>): Shape {
  return (value) => {
    if (typeof value !== 'object' || value === null) return '';
    for (const key of new Set([...Object.keys(shapes), ...Object.keys(value)])) {
      const shape = Object.hasOwn(shapes, key) ? shapes[key] : undefined;
      const wrong = shape === undefined ? '' : shape((value as Record<string, unknown>)[key]);
      if (wrong !== null) return wrong === '' ? key : `${key}.${wrong}`;
    }
    return null;
  };
}

export function oneOf(...values: readonly unknown[]): Shape {
  return which((value) => values.includes(value));
}

export function orNull(shape: Shape): Shape {
  return (value) => (value === null ? null : shape(value));
}

/** A key that may be missing. */
export function optional(shape: Shape): Shape {
  return (value) => (value === undefined ? null : shape(value));
}

export function which(isSound: (value: unknown) => boolean): Shape {
  return (value) => (isSound(value) ? null : '');
}
