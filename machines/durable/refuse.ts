import { findNotJson } from './plain-json.ts';

/** A machine as far as it is inspected: XState's node tree, measured on 5.33.3. */
export interface InspectedMachine {
  readonly root: InspectedNode;
  readonly implementations: {
    readonly actions?: Readonly<Record<string, unknown>>;
    readonly actors?: Readonly<Record<string, unknown>>;
    readonly delays?: Readonly<Record<string, unknown>>;
  };
}

export interface InspectedNode {
  readonly id: string;
  readonly key: string;
  readonly type: string;
  readonly path: readonly string[];
  readonly config: object;
  readonly states: object;
  readonly entry: readonly unknown[];
  readonly exit: readonly unknown[];
  readonly transitions: ReadonlyMap<string, readonly InspectedTransition[]>;
  readonly always?: readonly InspectedTransition[] | undefined;
  readonly after: readonly { readonly delay: unknown }[];
  readonly parent?: InspectedNode | undefined;
}

interface InspectedTransition {
  readonly actions: readonly unknown[];
}

interface InvokeConfig {
  readonly id?: unknown;
  readonly src?: unknown;
  readonly onError?: unknown;
  readonly onSnapshot?: unknown;
}

/** What a host cannot keep durable, each as a clause that names construct, place and remedy; none when all is well. */
export function findProblems(machine: InspectedMachine, id: string): readonly string[] {
  const nodes = [...walk(machine.root)];
  const invokes = nodes.flatMap((node) => invokesOf(node).map((config) => ({ node, config })));
  const results = invokes.map(({ config }) => String(config.id));
  const delays = nodes.flatMap((node) => node.after.map(({ delay }) => String(delay)));
  const taken = new Set([
    `${id}.created`,
    ...results.flatMap((name) => RESULTS.map((suffix) => `${name}.${suffix}`)),
    ...delays.map((name) => `${name}.elapsed`),
  ]);
  return [
    ...(isName(id) ? [] : [`its id is empty, or has a dot or a line break`]),
    ...invokes.flatMap(({ node, config }) => invokeProblems(machine, node, config)),
    ...sameIdAtOnce(invokes),
    ...nodes.flatMap((node) => [
      ...idProblems(node),
      ...node.after.flatMap(({ delay }) => delayProblems(machine, node, delay)),
      ...actionsOf(node).flatMap((action) => actionProblems(machine, node, action)),
      ...[...node.transitions.keys()]
        .filter((type) => taken.has(type))
        .map((type) => `state ${node.id} uses event "${type}", a name of the log's own: rename it`),
    ]),
    ...contextProblems(machine.root),
  ];
}

const RESULTS = ['succeeded', 'failed', 'settled', 'crashed'] as const;

function* walk(node: InspectedNode): Generator<InspectedNode> {
  yield node;
  for (const child of Object.values(node.states)) yield* walk(child as InspectedNode);
}

function invokesOf(node: InspectedNode): readonly InvokeConfig[] {
  const { invoke } = node.config as { readonly invoke?: unknown };
  if (invoke === undefined) return [];
  return (Array.isArray(invoke) ? invoke : [invoke]).map((one: unknown) =>
    typeof one === 'object' && one !== null ? one : { src: one },
  );
}

function invokeProblems(
  machine: InspectedMachine,
  node: InspectedNode,
  { id, src, onError, onSnapshot }: InvokeConfig,
): readonly string[] {
  const at = `in state ${node.id}`;
  const problems: string[] = [];
  if (typeof src !== 'string') problems.push(`an inline invoke ${at}: give its src a name`);
  else if (isMachine(machine.implementations.actors?.[src])) {
    problems.push(`invoke "${src}" ${at} is a machine: make it a stream of its own`);
  }
  if (!isName(id)) problems.push(`an invoke ${at} needs an explicit id without dots`);
  if (onError === undefined) problems.push(`invoke "${String(id ?? src)}" ${at} has no onError`);
  if (onSnapshot !== undefined) {
    problems.push(
      `invoke "${String(id ?? src)}" ${at} has onSnapshot: let its service send events`,
    );
  }
  return problems;
}

/** One task row and one result event belong to an invoke id: it can not run twice at once. */
function sameIdAtOnce(
  invokes: readonly { readonly node: InspectedNode; readonly config: InvokeConfig }[],
): readonly string[] {
  return invokes.flatMap(({ node, config }, index) =>
    invokes
      .slice(index + 1)
      .filter((other) => other.config.id === config.id && config.id !== undefined)
      .filter((other) => areActiveTogether(node, other.node))
      .map(
        (other) =>
          `states ${node.id} and ${other.node.id} may both run an invoke "${String(config.id)}"`,
      ),
  );
}

function areActiveTogether(one: InspectedNode, other: InspectedNode): boolean {
  const shared = one.path.findIndex((key, index) => other.path[index] !== key);
  const depth = shared === -1 ? one.path.length : shared;
  if (depth === one.path.length || depth === other.path.length) return true; // the same, or one in the other
  let ancestor: InspectedNode | undefined = one;
  while (ancestor !== undefined && ancestor.path.length > depth) ancestor = ancestor.parent;
  return ancestor?.type === 'parallel';
}

function idProblems(node: InspectedNode): readonly string[] {
  if (node.after.length === 0 && invokesOf(node).length === 0) return [];
  return isName((node.config as { readonly id?: unknown }).id)
    ? []
    : [`state ${node.id} has an invoke or after, and needs an explicit id without dots`];
}

function delayProblems(
  machine: InspectedMachine,
  node: InspectedNode,
  delay: unknown,
): readonly string[] {
  if (typeof delay !== 'string' || !isName(delay)) {
    return [`delay ${String(delay)} in state ${node.id}: give it a name without dots`];
  }
  return machine.implementations.delays?.[delay] === undefined
    ? [`delay "${delay}" in state ${node.id} is not defined`]
    : [];
}

function actionsOf(node: InspectedNode): readonly unknown[] {
  const transitions = [...node.transitions.values(), node.always ?? []].flat();
  const { initial } = node as unknown as { readonly initial?: InspectedTransition };
  return [
    ...node.entry,
    ...node.exit,
    ...transitions.flatMap(({ actions }) => actions),
    ...(initial?.actions ?? []),
  ];
}

function actionProblems(
  machine: InspectedMachine,
  node: InspectedNode,
  action: unknown,
): readonly string[] {
  const name = typeof action === 'string' ? action : (action as { readonly type?: unknown }).type;
  if (typeof action !== 'function') {
    const implementation = machine.implementations.actions?.[String(name)];
    return typeof implementation === 'function' && isBuiltIn(implementation)
      ? actionProblems(machine, node, implementation)
      : [];
  }
  if (!isBuiltIn(action)) return [`an inline action in state ${node.id}: give it a name`];
  const { type, delay, event } = action as Partial<Record<'type' | 'delay' | 'event', unknown>>;
  if (type === 'xstate.raise' && delay !== undefined) {
    const raised = (event as { readonly type?: unknown } | undefined)?.type;
    const isAfter = typeof raised === 'string' && raised.startsWith('xstate.after.');
    return isAfter ? [] : [`a delayed raise in state ${node.id}: use a state with after`];
  }
  return typeof type === 'string' && DURABLE.has(type)
    ? []
    : [`${String(type).replace('xstate.', '')} in state ${node.id}: ${remedyFor(String(type))}`];
}

/** Steps that leave nothing but the next state behind. */
const DURABLE: ReadonlySet<string> = new Set([
  'xstate.assign',
  'xstate.raise',
  'xstate.cancel',
  'xstate.log',
]);

function remedyFor(type: string): string {
  if (type === 'xstate.enqueueActions')
    return 'it hides what it does; use guards and named actions';
  if (type === 'xstate.emit') return 'subscribe to the host instead';
  return 'invoke a service, or make it a stream of its own';
}

function isBuiltIn(action: object): boolean {
  const { type } = action as { readonly type?: unknown };
  return typeof type === 'string' && type.startsWith('xstate.');
}

function contextProblems(root: InspectedNode): readonly string[] {
  const { context } = root.config as { readonly context?: unknown };
  if (context === undefined || typeof context === 'function') return []; // checked when a stream begins
  const found = findNotJson(context, 'context');
  return found === undefined ? [] : [`its ${found} is not plain JSON`];
}

function isMachine(logic: unknown): boolean {
  return typeof logic === 'object' && logic !== null && '__xstatenode' in logic;
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && /^[^.\n]+$/.test(name);
}
