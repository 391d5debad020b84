import type { Lading, LadingOptions } from '../../lading.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import type { ObjectKey, Remote } from '../../ports/remote.ts';
import type { SqlDatabase } from '../../ports/sql.ts';
import type { SimProcess } from '../world/process.ts';
import type { SeededRandom } from '../world/seeded-random.ts';
import type { Token } from '../world/sim-object-store.ts';
import { ACCOUNT } from './app.ts';
import type { Runner } from './runner.ts';
import type { World } from './world.ts';

/** How one process of the app is signed in (contract 4.4, 4.8). */
export interface Session {
  /** What its remote shows to be let in. */
  token(key: ObjectKey): Token;
  /** The remote, taking new credentials where this app hands them over. */
  signedIn(remote: Remote): Remote;
  readonly options: Pick<LadingOptions, 'refreshCredentials'>;
}

/** How long the app takes to get a new token. */
const REFRESH_MS = [20, 4_000] as const;

/**
 * Where the scenario says so, the app keeps a token and gets a new one when it is asked, as long as the session lasts;
 * else its remote asks for the token of the moment at each request, and nobody is told of new ones.
 */
export function createSession(
  world: World,
  parts: {
    readonly process: SimProcess;
    readonly clock: Clock;
    readonly random: SeededRandom;
    isOnline(): boolean;
  },
): Session {
  const { process, clock, random } = parts;
  let own: Token = world.token;
  let asking = 0;
  const show = (key: ObjectKey, token: Token): Token => {
    const mediaId = key.slice(key.indexOf('/') + 1);
    if (world.lodger.has(mediaId)) {
      world.fail('nothing is sent under the credentials of another account', key);
    }
    return token;
  };
  if (world.scenario.refreshes !== true) {
    return { token: (key) => show(key, world.token), signedIn: (remote) => remote, options: {} };
  }
  return {
    token: (key) => show(key, own),
    signedIn: (remote) => ({
      ...remote,
      async credentials(next) {
        own = next as Token;
        await remote.credentials?.(next);
      },
    }),
    options: {
      async refreshCredentials() {
        asking += 1;
        if (asking > 1) {
          world.fail('the app is asked once, whoever was refused', `${process.name} asks twice`);
        }
        try {
          await sleep(clock, random.int(...REFRESH_MS));
          if (!parts.isOnline()) throw new Error('no network');
          return world.isSessionOver ? null : world.store.issueToken(ACCOUNT);
        } finally {
          asking -= 1;
        }
      },
    },
  };
}

/** The user signs in again on a device: its processes are told, and after that nobody waits for the old credentials. */
export function tellOfSignIn(
  world: World,
  device: {
    readonly sql: SqlDatabase | undefined;
    ready(): readonly (Runner & { readonly lading: Lading })[];
  },
): void {
  const next = world.scenario.refreshes === true ? world.token : undefined;
  for (const { name, lading, process } of device.ready()) {
    const before = waiting(device.sql);
    const told = async (): Promise<void> => {
      await process.guard(lading.credentials(next));
      const after = waiting(device.sql);
      for (const [stream, version] of before) {
        if (after.get(stream) !== version) continue;
        world.fail('new credentials wake all that wait for them', `${stream} on ${name} sleeps`);
      }
    };
    told().catch((error: unknown) => world.trace.note(name, `not told: ${String(error)}`));
  }
}

/** Who waits for credentials, with the version of its stream. */
function waiting(sql: SqlDatabase | undefined): ReadonlyMap<string, number> {
  const rows = sql?.all(
    `SELECT j.media_id, s.version FROM lading_job AS j JOIN lading_stream AS s ON s.stream = j.media_id
     WHERE j.account_id = ? AND j.situation IN ('awaitingCredentials', 'removeAwaitingCredentials')`,
    ACCOUNT,
  );
  return new Map((rows ?? []).map((row) => [String(row['media_id']), Number(row['version'])]));
}
