/** What a careless adapter does, and words of the case that has to find it. */
export type Breakages<Port> = readonly (readonly [
  what: string,
  found: string,
  spoil: (port: Port) => Partial<Port>,
])[];

/** A sound adapter with one thing spoilt. */
export function spoilt<Port extends object>(
  port: Port,
  spoil: (port: Port) => Partial<Port>,
): Port {
  return { ...port, ...spoil(port) };
}

export const sound = (): object => ({});
