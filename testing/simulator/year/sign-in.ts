import { ACCOUNT } from '../app.ts';
import type { World } from '../world.ts';

/** The credentials of yesterday have ended. */
export function signIn(world: World): void {
  world.token = world.store.issueToken(ACCOUNT);
}
