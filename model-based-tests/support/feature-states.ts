import { attachmentMachine } from '../../machines/attachment/machine.ts';
import type { Json } from '../../machines/json.ts';
import { receiptOwner } from './cases.ts';
import { type MachinePath, only, replay, type Scope, scopes, shortestWays } from './paths.ts';
import { createTracer } from './tracer.ts';

/** One combination of leaf states, and the shortest way there that time allows. */
export interface MachineState {
  /** `reference / transfer / local copy`. */
  readonly name: string;
  readonly path: MachinePath;
}

/** What the scopes of the paths leave out: a release while the bytes come and go, and drafts that lose theirs. */
const more: readonly Scope[] = [
  only('captured', [
    'ref.linked',
    'ref.unlinked',
    'upload.started',
    'evict.requested',
    'read.requested',
    'remote.missing',
    'remote.located',
    'bytes.missing',
  ]),
  only('syncedWithoutUrl', ['ref.synced', 'ref.unlinked']),
  only('syncedWithUrl', ['read.requested', 'evict.requested', 'remote.missing']),
  only('captured', ['bytes.missing', 'remote.located', 'remote.missing', 'read.requested']),
  only('syncedWithUrl', ['ref.synced', 'ref.unlinked', 'read.requested', 'remote.missing']),
];

/**
 * Every combination of the machine's leaf states that can be reached, as the searches of `xstate/graph` find them; a
 * test holds the set against the exhaustive search.
 */
export function machineStates(): readonly MachineState[] {
  const tracer = createTracer(attachmentMachine);
  const found = new Map<string, MachineState>();
  for (const scope of [...scopes, ...more]) {
    if (scope.owners.some((owner) => owner !== receiptOwner)) continue;
    for (const { state, events } of shortestWays(tracer, scope)) {
      const name = leavesOf(state.value as Json);
      // One locator is enough: the other one would be a second object.
      if (found.has(name) || events.some((event) => 'url' in event && event.url.includes('?'))) {
        continue;
      }
      const path = replay(tracer, scope.input, events);
      if (path !== null) found.set(name, { name, path });
    }
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The leaves of a state value. */
export function leavesOf(value: Json): string {
  const { reference, transfer, localCopy } = value as {
    readonly reference: string;
    readonly transfer: string | Readonly<Record<string, string>>;
    readonly localCopy: string | Readonly<Record<string, string>>;
  };
  return [reference, transfer, localCopy]
    .map((region) => (typeof region === 'string' ? region : Object.values(region)[0]))
    .join(' / ');
}
