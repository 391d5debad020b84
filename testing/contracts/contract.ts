import { describe, it } from 'vitest';

/** One promise that every adapter of a port keeps. */
export interface ContractCase<Setup> {
  /** A sentence about the adapter, with the clause of the contract where there is one. */
  readonly title: string;
  /** Rejects when the adapter breaks it. */
  run(setup: Setup): Promise<void>;
}

/** A fresh adapter for one case, and what clears it away again. */
export interface ContractSetup {
  dispose?(): Promise<void>;
}

/** The cases as Vitest tests, each with a setup of its own. */
export function describeContract<Setup extends ContractSetup>(
  title: string,
  cases: readonly ContractCase<Setup>[],
  setup: () => Promise<Setup>,
): void {
  // oxlint-disable vitest/valid-title, vitest/expect-expect -- titles and assertions are in the cases
  describe(title, () => {
    for (const one of cases) it(one.title, () => runCase(one, setup));
  });
  // oxlint-enable vitest/valid-title, vitest/expect-expect
}

/** Titles of the cases that an adapter breaks, without a test of their own: to see whether a suite would notice. */
export async function brokenCases<Setup extends ContractSetup>(
  cases: readonly ContractCase<Setup>[],
  setup: () => Promise<Setup>,
): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const one of cases) {
    await runCase(one, setup).catch(() => void broken.push(one.title));
  }
  return broken;
}

async function runCase<Setup extends ContractSetup>(
  one: ContractCase<Setup>,
  setup: () => Promise<Setup>,
): Promise<void> {
  const world = await setup();
  try {
    await one.run(world);
  } finally {
    await world.dispose?.();
  }
}
