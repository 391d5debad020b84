import { describe, expect, it } from 'vitest';
import { toldTypes } from '../../engine/explain/event-sentences.ts';
import { explain } from '../../engine/explain/explain.ts';
import type { Reason, Surroundings } from '../../engine/explain/reason.ts';
import type { HostedMachine } from '../../engine/host/definition.ts';
import { foldStep } from '../../engine/host/snapshots.ts';
import { factsOf, type Situation, situations } from '../../machines/attachment/facts.ts';
import { attachmentMachine } from '../../machines/attachment/machine.ts';
import { attachmentEventSchemas } from '../../machines/attachment/upcasters.ts';
import { type Gates, openGates, viewOf } from '../../machines/attachment/view.ts';
import { serviceResult } from '../../machines/durable/event-names.ts';
import { createStepper, type Snapshot } from '../../machines/durable/stepper.ts';
import {
  type MachinePath,
  pathsThroughEveryDefinition,
} from '../../model-based-tests/support/paths.ts';
import { CHECKPOINT, TOMBSTONE } from '../../ports/compacted.ts';
import type { StoredEvent } from '../../ports/event-store.ts';
import { eventsOf, stored } from '../support/path-logs.ts';

const machine: HostedMachine = {
  id: 'attachment',
  format: '1',
  stepper: createStepper(attachmentMachine),
  services: {},
};
const { paths } = pathsThroughEveryDefinition();
const open: Surroundings = { gates: openGates };

describe('explain, along every path of the machine (contract 9.5)', () => {
  const closed: Readonly<Record<string, Partial<Gates>>> = {
    'all gates open': {},
    offline: { online: false },
    'on a metered network': { networkPolicyOk: false },
    'all paused': { paused: true },
    'signed out': { accountActive: false },
    'without a slot': { slotFree: false },
    'with a breaker open': { breakerOpen: true },
  };

  it.each(Object.entries(closed))(
    'agrees with what screens show and says what it waits for, %s',
    (_, change) => {
      const gates = { ...openGates, ...change };
      for (const events of streams()) {
        const told = explain(events, machine, { gates }, { timeZone: 'UTC' });
        const last = stateOf(events);
        const shown = viewOf(factsOf(last.value, last.context), gates);
        expect({ state: told.state, waitingFor: told.waitingFor }).toEqual({
          state: shown.state,
          waitingFor: shown.waitingFor,
        });
        const said = shown.waitingFor === undefined ? '' : `\\(${shown.waitingFor}\\)`;
        expect(told.standing.join(' ')).toMatch(new RegExp(said));
        expect(told.until).toBe(shown.until);
      }
    },
  );

  it('has a sentence for every event, that is whole, has a time, and holds no word of a program', () => {
    for (const events of streams()) {
      const { story } = explain(events, machine, open, { timeZone: 'UTC' });
      expect(story.map(({ version }) => version)).toEqual(events.map(({ version }) => version));
      for (const { sentence } of story) {
        expect(sentence).toMatch(/^[A-Z].*\d\d:\d\d:\d\d.*\.$/s);
        expect(sentence).not.toMatch(/undefined|null|NaN|unknown|\[object|this was noted/);
      }
    }
  });

  it('reaches every situation, every reason and every event type that a log of version 1 may hold', () => {
    const [reached, types] = [new Set<Situation>(), new Set<string>()];
    for (const events of streams()) {
      const { situation, story } = explain(events, machine, open, { timeZone: 'UTC' });
      reached.add(situation);
      for (const { type } of story) types.add(type);
    }
    expect([...reached].toSorted()).toEqual([...situations].toSorted());
    expect(new Set(toldTypes())).toEqual(
      new Set([...Object.keys(attachmentEventSchemas), CHECKPOINT, TOMBSTONE]),
    );
    // No service of this machine resolves without `ok`.
    const never = Object.keys(attachmentEventSchemas).filter((type) => type.endsWith('.settled'));
    expect([...types, ...never].toSorted()).toEqual(Object.keys(attachmentEventSchemas).toSorted());
  });

  it('says where the bytes are, and what to do, in every state', () => {
    for (const events of streams()) {
      const { standing, advice, sentences } = explain(events, machine, open, { timeZone: 'UTC' });
      expect(standing.join(' ')).not.toMatch(/undefined|null|NaN|unknown/);
      expect(standing.every((sentence) => /^[A-Z].*\.$/s.test(sentence))).toBe(true);
      expect(advice.text).toMatch(/^[A-Z].*\.$/s);
      expect(sentences.at(-1)).toBe(`What to do: ${advice.text}`);
    }
  });

  it('tells of every failed attachment that somebody has to do something, and of none that goes on by itself', () => {
    const calm = new Set<Reason | undefined>([
      undefined,
      'backoff',
      'slot',
      'undo',
      'late_arrival',
      'network',
    ]);
    const wrong: string[] = [];
    for (const events of streams()) {
      const { state, waitingFor, advice } = explain(events, machine, open, { timeZone: 'UTC' });
      if (state === 'failed' || calm.has(waitingFor)) {
        wrong.push(...(advice.needsPerson === (state === 'failed') ? [] : [advice.text]));
      }
    }
    expect(wrong).toEqual([]);
  });

  it('replays to any point: what it says of version n is what it said when n was the newest', () => {
    for (const path of paths.slice(0, 12)) {
      const events = eventsOf(path);
      for (let version = 1; version <= events.length; version++) {
        const then = explain(events.slice(0, version), machine, open, { timeZone: 'UTC' });
        const now = explain(events, machine, open, { timeZone: 'UTC', atVersion: version });
        expect({ ...now, versions: 0 }).toEqual({ ...then, versions: 0 });
      }
    }
  });

  it.each([0, -1, 1.5, 99, Number.NaN])(
    'refuses version %d, and says which there are',
    (atVersion) => {
      const events = eventsOf(paths[0] as MachinePath).slice(0, 2);
      expect(() => explain(events, machine, open, { atVersion })).toThrow(
        'atVersion must be a whole number from 1 to 2: the attachment has 2 events.',
      );
    },
  );
});

describe('explain, seen from outside of the app', () => {
  const queued = streamThat('queued');

  it('says that nobody works on it where no runner lives', () => {
    const told = explain(queued, machine, { held: false, runners: 0 }, { timeZone: 'UTC' });
    expect(told).toMatchObject({ state: 'local_only', waitingFor: 'runner' });
    expect(told.advice.text).toBe(
      'Open the app on this device with a network, signed in, and not paused.',
    );
  });

  it('says that others come first where one lives', () => {
    const told = explain(queued, machine, { held: false, runners: 1 }, { timeZone: 'UTC' });
    expect(told).toMatchObject({ state: 'local_only', waitingFor: 'slot' });
  });

  it('shows an upload as uploading only while a living runner holds it (contract 2)', () => {
    const uploading = streamThat('uploading');
    expect(explain(uploading, machine, { held: true, runners: 1 }).state).toBe('uploading');
    expect(explain(uploading, machine, { held: false, runners: 0 }).state).toBe('local_only');
  });
});

describe('the words of explain', () => {
  it('keep what a server says to one line, without secrets (contract 10.1, 10.4)', () => {
    const events = failing('See https://a:b@files.example/x?token=canary-1\r\n\u202Eevil');
    const text = explain(events, machine, open, { timeZone: 'UTC' }).sentences.join('\n');
    expect(text).toContain('https://files.example/x');
    expect(text).not.toMatch(/canary|\u202E|a:b|\r/);
  });

  it('refuse a time zone that there is not', () => {
    const events = failing('The server answered 503.');
    expect(() => explain(events, machine, open, { timeZone: 'Mars/Olympus' })).toThrow(
      'timeZone must be a name like Europe/Berlin: there is no zone "Mars/Olympus".',
    );
  });

  it('give times in the zone that was asked for, with the day where it changes', () => {
    const events = failing('The server answered 503.');
    const [first = ''] = explain(events, machine, open, { timeZone: 'Asia/Tokyo' }).sentences;
    const [utc = ''] = explain(events, machine, open, { timeZone: 'UTC' }).sentences;
    expect(first).not.toBe(utc);
    expect(utc).toMatch(
      /^Captured \d{4}-\d\d-\d\d \d\d:\d\d:\d\d on this device, .* image\/jpeg\.$/,
    );
  });
});

/** Each beginning of each path, as the log would hold it. */
function* streams(): Generator<readonly StoredEvent[]> {
  const seen = new Set<string>();
  for (const path of paths) {
    const events = eventsOf(path);
    for (let length = 1; length <= events.length; length++) {
      const part = events.slice(0, length);
      const key = JSON.stringify(part.map(({ type, payload }) => [type, payload]));
      if (!seen.has(key)) yield part;
      seen.add(key);
    }
  }
}

function streamThat(situation: Situation): readonly StoredEvent[] {
  for (const events of streams()) {
    const { value, context } = stateOf(events);
    if (factsOf(value, context).situation === situation) return events;
  }
  throw new Error(`no path leads to ${situation}`);
}

/** A capture whose first upload failed with what the server said. */
function failing(message: string): readonly StoredEvent[] {
  const uploading = streamThat('uploading');
  const output = { ok: false, class: 'retryable', code: 'server_error', message };
  const { type, payload } = serviceResult('upload', output);
  return [
    ...uploading,
    stored(type, payload, Number(uploading.at(-1)?.at) + 10, uploading.length + 1),
  ];
}

function stateOf(events: readonly StoredEvent[]): Snapshot {
  return events.reduce<Snapshot | undefined>(
    (state, event) => foldStep(machine, state, event).snapshot,
    undefined,
  ) as Snapshot;
}
