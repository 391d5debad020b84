/** The drawing of a machine: states in their places, and the ways between them; from the machine's own tree. */
export interface Chart {
  readonly id: string;
  readonly root: ChartNode;
  readonly edges: readonly ChartEdge[];
}

export interface ChartNode {
  /** Stable, without dots: `transfer_uploading`. */
  readonly id: string;
  readonly name: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly isInitial: boolean;
  readonly invokes: readonly string[];
  /** What it takes without leaving: `pinned [isNotPinned]`. */
  readonly inner: readonly string[];
  readonly children: readonly ChartNode[];
}

export interface ChartEdge {
  readonly from: string;
  readonly to: string;
  /** One for each transition between the two, in the order in which they are tried. */
  readonly labels: readonly string[];
}

/** What is read of a state of a machine; the members of XState's own nodes. */
export interface StateNodeLike {
  readonly id: string;
  readonly key: string;
  readonly type: ChartNode['type'];
  readonly parent?: StateNodeLike | undefined;
  readonly states: Readonly<Record<string, StateNodeLike>>;
  readonly initial?: { readonly target: readonly StateNodeLike[] } | undefined;
  readonly invoke: readonly { readonly id: string }[];
  readonly always?: readonly TransitionLike[] | undefined;
  readonly transitions: ReadonlyMap<string, readonly TransitionLike[]>;
}

interface TransitionLike {
  readonly eventType: string;
  readonly target?: readonly StateNodeLike[] | undefined;
  readonly guard?: unknown;
}

/** Walks a machine's tree. */
export function chartOf(machine: { readonly id: string; readonly root: unknown }): Chart {
  const root = machine.root as StateNodeLike;
  const edges = new Map<string, { from: string; to: string; labels: string[] }>();
  const walk = (node: StateNodeLike): ChartNode => {
    const inner: string[] = [];
    for (const transition of transitionsOf(node)) {
      const label = labelOf(transition);
      if (transition.target === undefined || transition.target.length === 0) inner.push(label);
      for (const target of transition.target ?? []) {
        const [from, to] = [idOf(node), idOf(target)];
        const edge = edges.get(`${from} ${to}`) ?? { from, to, labels: [] };
        edge.labels.push(label);
        edges.set(`${from} ${to}`, edge);
      }
    }
    return {
      id: idOf(node),
      name: node.key,
      type: node.type,
      isInitial: node.parent?.initial?.target.includes(node) === true,
      invokes: node.invoke.map(({ id }) => id),
      inner,
      children: Object.values(node.states).map(walk),
    };
  };
  return { id: machine.id, root: walk(root), edges: [...edges.values()] };
}

/** The ids of the states that are entered, of a state value as it stands in the log. */
export function activeIds(chart: Chart, value: unknown): ReadonlySet<string> {
  const found = new Set<string>();
  const enter = (node: ChartNode, at: unknown): void => {
    const names = typeof at === 'string' ? { [at]: {} } : (at as Readonly<Record<string, unknown>>);
    for (const [name, below] of Object.entries(names ?? {})) {
      const child = node.children.find((one) => one.name === name);
      if (child === undefined) continue;
      found.add(child.id);
      enter(child, below);
    }
  };
  enter(chart.root, value);
  return found;
}

/** All states, those that hold others first. */
export function* nodesOf(node: ChartNode): Generator<ChartNode> {
  yield node;
  for (const child of node.children) yield* nodesOf(child);
}

function transitionsOf(node: StateNodeLike): readonly TransitionLike[] {
  return [...(node.always ?? []), ...[...node.transitions.values()].flat()];
}

/** `upload done [isOffline]`, `after backoff`, `always [isGone]`. */
function labelOf({ eventType, guard }: TransitionLike): string {
  const event = eventType
    .replace(/^xstate\.done\.actor\.(.+)$/, '$1 done')
    .replace(/^xstate\.error\.actor\.(.+)$/, '$1 crashed')
    .replace(/^xstate\.after\.([^.]+)\..*$/, 'after $1')
    .replace(/^xstate\.done\.state\.(.+)$/, 'end of $1');
  const name =
    typeof guard === 'string' ? guard : (guard as { readonly type?: string } | undefined)?.type;
  return `${event === '' ? 'always' : event}${name === undefined ? '' : ` [${name}]`}`;
}

function idOf(node: StateNodeLike): string {
  return node.id.replaceAll(/\W/g, '_');
}
