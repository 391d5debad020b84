import type { Lifetime } from '../engine/lifecycle/lifetime.ts';
import type { Part } from '../ports/part.ts';

type Verb<Args extends readonly unknown[], Result> = (...args: Args) => Promise<Result>;

/** A verb by its name, from a part that is loaded when the first of its verbs is called. */
export type Later<Verbs> = <Name extends keyof Verbs>(
  name: Name,
) => Verbs[Name] extends Verb<infer Args, infer Result> ? Verb<Args, Result> : never;

export function later<Verbs extends Readonly<Record<keyof Verbs, (...args: never[]) => unknown>>>(
  lifetime: Lifetime,
  part: Part<Verbs>,
): Later<Verbs> {
  const verb =
    (name: keyof Verbs) =>
    (...args: never[]) =>
      lifetime.run(async () => (await lifetime.load(part))[name](...args));
  return verb as Later<Verbs>;
}
