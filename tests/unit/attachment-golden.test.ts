import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readOnlyAttachment } from '../../bin/hosted.ts';
import { foldStep } from '../../engine/host/snapshots.ts';
import { attachmentMachine } from '../../machines/attachment/machine.ts';
import { upcast } from '../../machines/attachment/upcasters.ts';
import { toMachineEvent } from '../../machines/durable/event-names.ts';
import { createStepper, type Snapshot } from '../../machines/durable/stepper.ts';
import type { Json, JsonObject } from '../../machines/json.ts';
import { TOMBSTONE } from '../../ports/compacted.ts';
import type { StoredEvent } from '../../ports/event-store.ts';

interface GoldenLog {
  readonly lives: readonly {
    readonly life: string;
    readonly events: readonly {
      readonly type: string;
      readonly schemaVersion: number;
      readonly at: number;
      readonly jitter: number;
      readonly payload: JsonObject;
      readonly state: Json;
    }[];
    readonly status: string;
    readonly context: JsonObject;
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL('../golden/attachment-v1.json', import.meta.url), 'utf8'),
) as GoldenLog;

describe('logs that were written by machine version 1 (contract 9.4)', () => {
  it.each(golden.lives)('replay to the states they held: $life', ({ events, status, context }) => {
    const stepper = createStepper(attachmentMachine);
    const [created, ...later] = events.map((event) => {
      const read = upcast(event.type, event.schemaVersion, event.payload);
      if (!read.ok) throw new Error(`cannot read ${event.type}: ${read.reason}`);
      return { ...event, payload: read.payload };
    });
    if (created === undefined) throw new Error('an empty life');
    let { snapshot } = stepper.init(created.payload);
    expect(snapshot.value).toEqual(created.state);
    for (const { type, payload, at, jitter, state } of later) {
      const step = stepper.step(snapshot, toMachineEvent(type, payload, { at, jitter }));
      expect({ type, at, changed: step.changed, value: step.snapshot.value }).toEqual({
        type,
        at,
        changed: true,
        value: state,
      });
      snapshot = step.snapshot;
    }
    expect(snapshot.status).toBe(status);
    expect(snapshot.context).toEqual(context);
  });
});

interface CompactedLog {
  readonly lives: readonly {
    readonly life: string;
    readonly events: readonly StoredEvent[];
    readonly status: string;
    readonly context: JsonObject;
  }[];
}

const compacted = JSON.parse(
  readFileSync(new URL('../golden/attachment-compacted-v1.json', import.meta.url), 'utf8'),
) as CompactedLog;

describe('logs that were compacted by machine version 1 (contract 5.5, 9.4)', () => {
  it.each(compacted.lives)('fold to the states they held: $life', ({ events, status, context }) => {
    let snapshot: Snapshot | undefined;
    for (const event of events) {
      snapshot = foldStep(readOnlyAttachment(), snapshot, event).snapshot;
      // A tombstone records no state.
      expect(event.state).toEqual(event.type === TOMBSTONE ? null : snapshot.value);
    }
    expect(snapshot?.status).toBe(status);
    expect(snapshot?.context).toEqual(context);
  });
});
