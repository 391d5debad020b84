import type { Device } from './device.ts';
import type { Oracle } from './oracles/index.ts';
import type { World } from './world.ts';

/** Asks the oracles of one moment; those that need time answer when they have had it. */
export function judge(
  world: World,
  oracles: readonly Oracle[],
  moment: 'atRestart',
  device: Device,
): void {
  for (const oracle of oracles) {
    const told = oracle[moment]?.(world, device);
    if (told instanceof Promise) {
      told.then((found) => report(world, oracle.name, found)).catch(unforeseen(world));
    } else report(world, oracle.name, told ?? []);
  }
}

export function judgeAlways(
  world: World,
  oracles: readonly Oracle[],
  devices: readonly Device[],
): void {
  for (const oracle of oracles) {
    for (const device of devices) report(world, oracle.name, oracle.always?.(world, device) ?? []);
  }
}

export async function judgeAll(
  world: World,
  oracles: readonly Oracle[],
  devices: readonly Device[],
): Promise<void> {
  for (const oracle of oracles) {
    const told = Promise.resolve(oracle.atEnd?.(world, devices) ?? []);
    report(world, oracle.name, (await inTime(world, told)) ?? ['it never got an answer']);
  }
}

/** Lets time pass until the promise settles; undefined when it does not. */
export async function inTime<T>(world: World, promise: Promise<T>): Promise<T | undefined> {
  let settled = false;
  const watched = promise.finally(() => {
    settled = true;
  });
  watched.catch(() => {});
  const until = world.clock.elapsedMs + 600_000;
  await world.clock.runUntil(() => settled || world.clock.elapsedMs > until);
  return settled ? watched : undefined;
}

function report(world: World, name: string, found: readonly string[]): void {
  for (const message of found) world.fail(name, message);
}

function unforeseen(world: World): (error: unknown) => void {
  return (error) => world.fail('oracles themselves', String(error));
}
