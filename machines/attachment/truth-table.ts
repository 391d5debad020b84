import { type AttachmentFacts, type Situation, situations } from './facts.ts';
import { type AttachmentView, type Gates, openGates, viewOf } from './view.ts';

/** Engine gates, each closed alone, in the order in which they are named when several are closed. */
const gateRows: readonly (readonly [name: string, gates: Gates])[] = [
  ['all open', openGates],
  ['its step throws', { ...openGates, isBroken: true }],
  ['everything paused', { ...openGates, paused: true }],
  ['account not active', { ...openGates, accountActive: false }],
  ['offline', { ...openGates, online: false }],
  ['metered link', { ...openGates, networkPolicyOk: false }],
  ['credentials refused', { ...openGates, credentialsOk: false }],
  ['breaker open', { ...openGates, breakerOpen: true }],
  ['no free slot', { ...openGates, slotFree: false }],
];

const error: AttachmentFacts['error'] = {
  class: 'retryable',
  code: 'unavailable',
  message: null,
  retryable: true,
};

/** Facts that are possible in a situation and change what it shows. */
const variantsOf: Partial<
  Record<Situation, readonly (readonly [string, Partial<AttachmentFacts>])[]>
> = {
  queued: [
    ['', {}],
    ['over unmetered links only', { unmetered: true }],
    ['paused by the user', { held: true }],
  ],
  waiting: [
    ['', {}],
    ['paused by the user', { held: true }],
  ],
  awaitingCredentials: [
    ['', {}],
    ['paused by the user', { held: true }],
  ],
  uploaded: [
    ['bytes here', { bytes: true }],
    ['evicted', { bytes: false, local: 'evicted' }],
  ],
  failed: [
    ['an error', { error }],
    [
      'a terminal error',
      { error: { ...error, class: 'terminal', code: 'too_large', retryable: false } },
    ],
    [
      'bytes missing',
      { error: { class: 'source', code: 'source_missing', message: null, retryable: false } },
    ],
    [
      'remote and bytes missing',
      { error: { class: 'remote', code: 'remote_missing', message: null, retryable: true } },
    ],
    [
      'object deleted by the backend, bytes missing',
      { error: { class: 'backend', code: 'object_gone', message: null, retryable: false } },
    ],
  ],
};

/** The printed truth table of contract 2: every situation under every gate, as Markdown. */
export function truthTable(): string {
  const rows = situations.flatMap((situation) =>
    (variantsOf[situation] ?? [['', {}] as const]).flatMap(([note, facts]) =>
      rowsOf(situation, note, facts),
    ),
  );
  return [
    '# What a screen shows',
    '',
    'Generated from `machines/attachment/view.ts`; a test fails when it is out of date.',
    'Gates are named alone; when several are closed, the first of this order is shown:',
    `${gateRows
      .slice(1)
      .map(([name]) => name)
      .join(', ')}. "any" stands for the gates that have no row of their own.`,
    '',
    '| situation | with | gate | shows | waiting for | error |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** Gates that show the same as open ones are folded into the first row. */
function rowsOf(situation: Situation, note: string, change: Partial<AttachmentFacts>): string[] {
  const facts: AttachmentFacts = {
    situation,
    local: 'present',
    since: 0,
    until: null,
    attempts: 0,
    error: null,
    localError: null,
    gone: false,
    held: false,
    bytes: true,
    pinned: false,
    origin: 'here',
    ...change,
  };
  const shown = gateRows.map(([name, gates]) => ({ name, view: cellsOf(viewOf(facts, gates)) }));
  const open = shown[0]?.view;
  const different = shown.filter(({ view }) => view !== open);
  return [{ name: 'any', view: open }, ...different].map(
    ({ name, view }) => `| ${situation} | ${note} | ${name} | ${view} |`,
  );
}

function cellsOf({ state, waitingFor, error: shown }: AttachmentView): string {
  const errorCell =
    shown === undefined
      ? ''
      : `\`${shown.code}\`, ${shown.retryable ? 'a retry can help' : 'final'}`;
  return `\`${state}\` | ${waitingFor === undefined ? '' : `\`${waitingFor}\``} | ${errorCell}`;
}
