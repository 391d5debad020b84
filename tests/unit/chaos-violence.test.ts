import { virtualClock } from 'lading/testing';
import { describe, expect, it } from 'vitest';
import type { AppProcess } from '../support/chaos/app-process.ts';
import { createViolence } from '../support/chaos/violence.ts';

/** Processes that are said to be open, what hits them, and a server that has so many bytes. */
function campaign(planned: {
  kills?: number;
  stops?: number;
  processes?: number;
  helpers?: number;
}) {
  const { kills = 0, stops = 0, processes = 1, helpers } = planned;
  const clock = virtualClock();
  const told: string[] = [];
  const running = { helpers: helpers ?? 0 };
  let passedBytes = 0;
  const violence = createViolence({
    seed: 1,
    kills,
    stops,
    ofBytes: 1_000,
    passedBytes: () => passedBytes,
    stopForMs: 3_000,
    clock,
    ...(helpers === undefined
      ? {}
      : {
          killHelper: async () => {
            if (running.helpers === 0) return false;
            running.helpers -= 1;
            return true;
          },
        }),
  });
  const apps = Array.from({ length: processes }, (_, at) => appNamed(`${at}`, told));
  violence.on(apps);
  return {
    clock,
    violence,
    apps,
    told,
    running,
    /** The server has so many bytes, and answers. */
    answer: (bytes = 1_000): Promise<void> => {
      passedBytes = bytes;
      return violence.answered();
    },
  };
}

function appNamed(name: string, told: string[]) {
  const app = {
    isOpen: true,
    kill() {
      told.push(`kill ${name}`);
      app.isOpen = false;
    },
    stop: () => void told.push(`stop ${name}`),
    goOn: () => void told.push(`go on ${name}`),
    allowRest: () => void told.push(`rest ${name}`),
  };
  return app as typeof app & AppProcess;
}

describe('kills and stops of a campaign', () => {
  it('come one by one, when the server has as much as their moments say', async () => {
    const { answer, told, violence } = campaign({ kills: 2, processes: 2 });
    await answer(0);
    expect(told).toEqual([]);
    await answer();
    await answer();
    expect(told).toHaveLength(4);
    expect(told.filter((one) => one.startsWith('kill'))).toHaveLength(2);
    expect(violence).toMatchObject({ kills: 2, left: 0 });
  });

  it('that find no process open come when one is, without another word of the server', async () => {
    const { answer, apps, told, violence } = campaign({ kills: 2 });
    await answer();
    await answer();
    expect(told).toEqual(['kill 0']);
    expect(violence).toMatchObject({ kills: 1, left: 1 });
    for (const app of apps) app.isOpen = true;
    violence.opened();
    expect(told).toEqual(['kill 0', 'kill 0', 'rest 0']);
  });

  it('that find nobody but one who stands still come when that one goes on', async () => {
    const { answer, clock, told, violence } = campaign({ kills: 1, stops: 1 });
    for (let nth = 0; nth < 3; nth++) await answer();
    expect(told).toEqual(['stop 0']);
    await clock.advanceBy(3_000);
    expect(told).toEqual(['stop 0', 'go on 0', 'kill 0', 'rest 0']);
    expect(violence).toMatchObject({ kills: 1, stops: 1, left: 0 });
  });

  it('leave the rest of the work to the time after them; without any there is no waiting', async () => {
    const { answer, told } = campaign({ kills: 1, processes: 2 });
    await answer(0);
    expect(told).toEqual([]);
    await answer();
    expect(told.slice(1)).toEqual(['rest 0', 'rest 1']);
    expect(campaign({}).told).toEqual(['rest 0']);
  });

  it('take along a helper at every second kill: one that is there, if not now then at a later answer', async () => {
    const { answer, running, violence } = campaign({ kills: 2, processes: 2, helpers: 0 });
    await answer();
    await answer();
    expect(violence).toMatchObject({ kills: 2, helperKills: 0 });
    running.helpers = 2;
    await answer();
    await answer();
    expect(violence).toMatchObject({ helperKills: 1 });
    expect(running.helpers).toBe(1);
  });
});
