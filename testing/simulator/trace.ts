import { createHash } from 'node:crypto';
import type { TraceEntry } from '../world/network-flight.ts';

/** What happened in one simulation, in order; the same for the same seed. */
export interface Trace {
  /** @param who a device, a runner, or `world`. */
  note(who: string, what: string): void;
  /** Ids are long: from here on they are printed by this short name. */
  name(id: string, shortName: string): void;
  /** Everything, requests included, one line each. */
  lines(): readonly string[];
  /** SHA-256 over all lines, before ids were shortened. */
  hash(): string;
}

interface Line {
  readonly elapsedMs: number;
  readonly text: string;
}

/** @param network the requests, which are merged in by time. */
export function createTrace(
  clock: { readonly elapsedMs: number },
  network: () => readonly TraceEntry[],
): Trace {
  const noted: Line[] = [];
  const names = new Map<string, string>();
  const all = (): readonly Line[] =>
    [...noted, ...network().map(asLine)].toSorted((a, b) => a.elapsedMs - b.elapsedMs);
  return {
    note(who, what) {
      noted.push({ elapsedMs: clock.elapsedMs, text: `${who.padEnd(5)} ${what}` });
    },
    name: (id, shortName) => void names.set(id, shortName),
    lines: () =>
      all().map(({ elapsedMs, text }) => `${seconds(elapsedMs)} ${shortened(text, names)}`),
    hash() {
      const hash = createHash('sha256');
      for (const { elapsedMs, text } of all()) hash.update(`${elapsedMs} ${text}\n`);
      return hash.digest('hex');
    },
  };
}

function asLine({ elapsedMs, device, request, label, what }: TraceEntry): Line {
  return { elapsedMs, text: `${device.padEnd(5)}   #${request} ${label}: ${what}` };
}

function seconds(elapsedMs: number): string {
  return (elapsedMs / 1_000).toFixed(3).padStart(9);
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

function shortened(text: string, names: ReadonlyMap<string, string>): string {
  return text.replaceAll(UUID, (id) => names.get(id) ?? `…${id.slice(-4)}`);
}
