import type { AnyMachineSnapshot } from 'xstate';
import type { AttachmentContext } from '../../machines/attachment/context.ts';
import { factsOf, type LocalSituation, type Situation } from '../../machines/attachment/facts.ts';
import { type AttachmentView, openGates, viewOf } from '../../machines/attachment/view.ts';
import type { Json } from '../../machines/json.ts';

/** One state as the invariants see it: each region by its leaf, and what is remembered. */
interface Observed {
  readonly reference: string;
  readonly transfer: string;
  readonly local: LocalSituation;
  readonly situation: Situation;
  readonly context: AttachmentContext;
  /** As shown while every gate is open, unless the user paused it. */
  readonly view: AttachmentView;
  readonly done: boolean;
}

type Invariant = (state: Observed) => boolean;

/** Whichever of `states` it is in. */
const isOneOf = (state: string, states: readonly string[]): boolean => states.includes(state);
const implies = (premise: boolean, conclusion: boolean): boolean => !premise || conclusion;

const onItsWay = ['queued', 'waiting', 'awaitingCredentials', 'uploading', 'attaching'];
const fetching = ['downloading', 'downloadWaiting', 'downloadAwaitingCredentials'];
const removing = ['removing', 'removeWaiting', 'removeAwaitingCredentials', 'settling', 'leftover'];
const purge = ['purging', 'purgeWaiting', 'purged'];
/** With every gate open: a runner holds it, or takes it at once, or there is nothing left to do. */
const neverWaits = [
  'queued',
  'uploading',
  'attaching',
  'uploaded',
  'removing',
  'purging',
  'purged',
];
const timed = ['draft', 'waiting', 'released', 'removeWaiting', 'settling', 'purgeWaiting'];

/** What holds in every state that the machine can reach, across its regions. Titles are the rules. */
const invariants: Readonly<Record<string, Invariant>> = {
  'it holds refs exactly while it is linked': ({ reference, context }) =>
    (reference === 'linked') === context.refs.length > 0,
  'no owner holds it twice, nor could be undone while it holds it': ({ context }) => {
    const keys = [...context.refs, ...context.undoable].map((ref) => ref.key);
    return new Set(keys).size === keys.length;
  },
  'gone is gone: nothing lives after the reference ended (contract 5.2)': ({
    reference,
    context,
    transfer,
    local,
  }) =>
    (reference === 'gone') === context.gone &&
    context.gone === isOneOf(transfer, [...removing, 'none']) &&
    context.gone === isOneOf(local, purge),
  'nothing is sent for a draft or a released attachment (contract 3.3, 5.2)': ({
    reference,
    transfer,
  }) => implies(isOneOf(transfer, ['queued', 'uploading', 'attaching']), reference === 'linked'),
  'uploaded means: located, believed and without blame': ({ transfer, context }) =>
    implies(
      transfer === 'uploaded',
      context.url !== null && context.fault === null && !context.remoteAbsent,
    ),
  'what is on its way has no locator yet': ({ transfer, context }) =>
    implies(isOneOf(transfer, [...onItsWay, 'parked', 'awaitingAuthor']), context.url === null),
  'an upload was claimed before the remote is contacted (contract 4.2)': ({ transfer, context }) =>
    implies(
      isOneOf(transfer, ['uploading', 'attaching']) || context.handle !== null,
      context.touched,
    ),
  'what is paused is not being sent': ({ transfer, context }) =>
    implies(context.held, !isOneOf(transfer, ['uploading', 'attaching'])),
  'what is queued has bytes or a receipt': ({ transfer, context }) =>
    implies(transfer === 'queued', context.bytes || context.receipt !== null),
  'attaching has a receipt (contract 3.5)': ({ transfer, context }) =>
    implies(transfer === 'attaching', context.receipt !== null),
  'failed says why': ({ transfer, context }) =>
    implies(transfer === 'failed', context.fault !== null),
  'only what another device captured waits for its author': ({ transfer, context }) =>
    implies(transfer === 'awaitingAuthor', context.origin === 'elsewhere' && !context.touched),
  'a locator is proof that it was attached once': ({ context }) =>
    implies(context.url !== null, context.attached),
  'bytes are here exactly in the states that say so, and have a place': ({ local, context }) =>
    context.bytes === isOneOf(local, ['present', 'inUse']) &&
    implies(context.bytes, context.blobKey !== null),
  'bytes leave or come only while the remote has a locator (contract 6)': ({ local, context }) =>
    implies(isOneOf(local, ['evicting', 'evicted', ...fetching]), context.url !== null),
  'missing bytes with a locator are called evicted': ({ local, context }) =>
    implies(local === 'missing', context.url === null),
  'a reader waits only while the bytes leave or come': ({ local, context }) =>
    implies(context.wanted, isOneOf(local, ['evicting', ...fetching, ...purge])),
  'this device removes only what it made and never attached (contract 5.2)': ({
    transfer,
    context,
  }) => implies(isOneOf(transfer, removing), context.touched && !context.attached),
  'it ends only after two looks at what it may have left on the remote (contract 5.2)': ({
    done,
    context,
  }) => implies(done && context.touched && !context.attached, context.sweeps >= 2),
  'counts stay within the patience of the field (contract 4.5)': ({ context }) =>
    context.attempts <= context.policy.maxAttempts &&
    context.tries < context.policy.maxAttempts &&
    context.authStrikes < 3,
  'whatever waits says for what, and since when (contract 2)': ({ situation, view, context }) =>
    (isOneOf(situation, neverWaits) || view.waitingFor !== undefined) &&
    (view.since ?? 0) >= context.capturedAt,
  'what a timer ends says until when, and a pause says none (contract 2)': ({ situation, view }) =>
    (isOneOf(situation, timed) && view.waitingFor !== 'resume') === (view.until !== undefined),
};

/** The titles of the invariants that `snapshot` breaks. */
export function brokenInvariants(snapshot: AnyMachineSnapshot): readonly string[] {
  const observed = observe(snapshot);
  return Object.entries(invariants)
    .filter(([, holds]) => !holds(observed))
    .map(([title]) => title);
}

export function observe(snapshot: AnyMachineSnapshot): Observed {
  const context = snapshot.context as AttachmentContext;
  const value = snapshot.value as Readonly<
    Record<string, string | Readonly<Record<string, string>>>
  >;
  const facts = factsOf(snapshot.value as Json, context);
  return {
    reference: leafOf(value['reference']),
    transfer: leafOf(value['transfer']),
    local: facts.local,
    situation: facts.situation,
    context,
    view: viewOf(facts, openGates),
    done: snapshot.status === 'done',
  };
}

function leafOf(region: string | Readonly<Record<string, string>> | undefined): string {
  if (typeof region === 'string') return region;
  return Object.values(region ?? {})[0] ?? '';
}
