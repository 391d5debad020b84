import { type SignOutOptions, type SignOutParts, signOut } from '../engine/lifecycle/sign-out.ts';
import { requireOptions } from '../engine/lifecycle/validate.ts';
import type { Lading } from '../lading.ts';
import { readLeftWork } from '../persistence/attachment/left-work.ts';
import type { LeftWork } from '../ports/left-work.ts';

/** The verbs of an account's session: loaded when somebody signs in again, or out. */
export function sessionVerbs(
  parts: Omit<SignOutParts, 'readLeftWork'> & {
    readonly ending: AbortSignal;
    readonly sync: {
      activity(): { readonly failing: boolean };
      now(): Promise<unknown>;
    };
  },
): Pick<Lading, 'credentials' | 'signOut'> {
  const { credentials, ending, lifetime, sync } = parts;
  let signingOut: Promise<LeftWork> | undefined;
  return {
    credentials: (next) =>
      lifetime.run(async () => {
        const kept = await lifetime.load(credentials);
        await lifetime.load(() => kept.take(next)); // an adapter that hangs holds up no end
        ending.throwIfAborted();
        // Ops that were refused need not sit out their backoff.
        if (sync.activity().failing) void sync.now();
      }),
    async signOut(options = {}) {
      const run = (): Promise<LeftWork> => signOut({ ...parts, readLeftWork }, options);
      if (requireOptions<SignOutOptions>('options', options).dryRun === true) return run();
      signingOut ??= run();
      return signingOut;
    },
  };
}
