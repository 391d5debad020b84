import { describe, expect, it } from 'vitest';
import { attachmentMachine } from '../../machines/attachment/machine.ts';
import {
  attachmentEventSchemas,
  createEventReader,
  schemaVersionOf,
  upcast,
} from '../../machines/attachment/upcasters.ts';
import { serviceCrash, serviceResult, timerElapsed } from '../../machines/durable/event-names.ts';
import { commandTypes } from '../../model-based-tests/support/cases.ts';
import { createTracer } from '../../model-based-tests/support/tracer.ts';

describe('reading old events (contract 9.4)', () => {
  const reader = createEventReader({
    'ref.linked': [
      (first) => ({ ...first, rank: 'a0' }),
      ({ primary, ...second }) => ({ ...second, isPrimary: primary ?? false }),
    ],
  });

  it('writes new events with the version that the last step leads to', () => {
    expect(reader.schemaVersionOf('ref.linked')).toBe(3);
    expect(schemaVersionOf('ref.linked')).toBe(1);
  });

  it('takes an old payload through every step that it lacks, and no other', () => {
    expect(reader.upcast('ref.linked', 1, { primary: true })).toEqual({
      ok: true,
      payload: { rank: 'a0', isPrimary: true },
    });
    expect(reader.upcast('ref.linked', 2, { rank: 'b', primary: false })).toEqual({
      ok: true,
      payload: { rank: 'b', isPrimary: false },
    });
    const present = { rank: 'b', isPrimary: true };
    expect(reader.upcast('ref.linked', 3, present)).toEqual({ ok: true, payload: present });
  });

  it('refuses what a newer version wrote: a newer payload, or a type that it does not know', () => {
    expect(reader.upcast('ref.linked', 4, {})).toEqual({ ok: false, reason: 'newer_version' });
    expect(reader.upcast('ref.merged', 1, {})).toEqual({ ok: false, reason: 'unknown_type' });
    expect(upcast('toString', 1, {})).toEqual({ ok: false, reason: 'unknown_type' });
  });

  it('knows every event that the machine handles, by the name that the log gives it', () => {
    const events = new Set(
      createTracer(attachmentMachine).definitions.map((definition) => definition.split(' | ')[1]),
    );
    events.delete('always');
    expect([...events].flatMap((type) => logNamesOf(type ?? '')).filter(isUnknown)).toEqual([]);
    expect(commandTypes.filter(isUnknown)).toEqual([]);
  });
});

const isUnknown = (type: string): boolean => !Object.hasOwn(attachmentEventSchemas, type);

function logNamesOf(type: string): readonly string[] {
  const service = /^xstate\.(done|error)\.actor\.(.+)$/.exec(type);
  if (service?.[1] === 'done') {
    return [true, false].map((ok) => serviceResult(service[2] ?? '', { ok }).type);
  }
  if (service !== null) {
    return [serviceCrash(service[2] ?? '', { name: 'E', message: '', code: null }).type];
  }
  return [type.startsWith('xstate.after.') ? timerElapsed(type).type : type];
}
