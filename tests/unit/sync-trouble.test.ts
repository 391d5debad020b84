import { describe, expect, it } from 'vitest';
import { SQLITE } from '../support/failing-database.ts';
import { applied, pushes, saying, syncParts } from '../support/sync-parts.ts';

describe('a pusher whose database fails', () => {
  it('looks again by itself when the outbox could not be read, whoever made it look', async () => {
    const parts = await syncParts();
    const backend = pushes(applied);
    let trouble: Error | undefined;
    const read: typeof parts.events.read = (query) => {
      if (trouble !== undefined) throw trouble;
      return parts.events.read(query);
    };
    const pusher = parts.pusher({ backend, events: { read } });
    trouble = SQLITE.io();
    pusher.start(); // the opening
    await parts.captured(1); // a commit
    pusher.wake(); // the network
    await parts.clock.advanceBy(60_000); // its timers
    const asked = parts.until(pusher.push()); // somebody who waits
    expect(await asked).toEqual({ pushed: 0, refused: 0, complete: false });
    expect(backend.requests).toEqual([]);
    trouble = undefined;
    await parts.clock.advanceBy(60_000);
    expect(backend.requests.map((ops) => ops.map(saying))).toEqual([['put 1']]);
    await pusher.close();
  });

  it('says that it is not done, offline too, when it cannot see what is left', async () => {
    const parts = await syncParts();
    await parts.captured(1);
    const read = (): never => {
      throw SQLITE.busy();
    };
    const pusher = parts.pusher({
      backend: pushes(applied),
      events: { read },
      isOnline: () => false,
    });
    const asked = parts.until(pusher.push());
    expect(await asked).toEqual({ pushed: 0, refused: 0, complete: false });
    await pusher.close();
  });
});
