import { type Chart, type ChartNode, nodesOf } from '../../bin/graph/chart.ts';

/** One region of a chart in the language of Graphviz. Every state has the id `state-<id>`, by which it is marked. */
export function dotOf(chart: Chart, region: ChartNode): string {
  const lines = [
    'digraph machine {',
    '  compound=true; rankdir=TB; newrank=false; nodesep=0.35; ranksep=0.55; fontname="Helvetica";',
    '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#455a64", fontname="Helvetica", fontsize=13, margin="0.22,0.08"];',
    '  edge [color="#78909c", fontname="Helvetica", fontsize=10, fontcolor="#37474f", arrowsize=0.7];',
  ];
  const draw = (node: ChartNode, depth: number): void => {
    const space = '  '.repeat(depth);
    if (node.children.length === 0) {
      lines.push(
        `${space}${node.id} [id="state-${node.id}", label=${labelOf(node)}${node.type === 'final' ? ', peripheries=2' : ''}];`,
      );
      return;
    }
    lines.push(`${space}subgraph cluster_${node.id} {`);
    lines.push(
      `${space}  id="state-${node.id}"; label=${quote([node.name, ...node.inner].map((line) => `${line}\\l`).join(''))}; labeljust=l; style="rounded,filled"; color="#90a4ae"; fillcolor="${FILLS[depth] ?? '#ffffff'}"; fontsize=${depth === 1 ? 18 : 14};`,
    );
    for (const child of node.children) draw(child, depth + 1);
    const first = node.children.find(({ isInitial }) => isInitial);
    if (first !== undefined && node.type === 'compound') {
      lines.push(
        `${space}  start_${node.id} [shape=circle, label="", width=0.14, fixedsize=true, fillcolor="#37474f"];`,
      );
      lines.push(
        `${space}  start_${node.id} -> ${leafOf(first).id}${first.children.length > 0 ? ` [lhead=cluster_${first.id}]` : ''};`,
      );
    }
    lines.push(`${space}}`);
  };
  draw(region, 1);
  const nodes = new Map([...nodesOf(region)].map((node) => [node.id, node]));
  for (const { from, to, labels } of chart.edges) {
    const [source, target] = [nodes.get(from), nodes.get(to)];
    if (source === undefined || target === undefined) continue;
    const ends = [
      ...(source.children.length > 0 ? [`ltail=cluster_${from}`] : []),
      ...(target.children.length > 0 ? [`lhead=cluster_${to}`] : []),
    ];
    lines.push(
      `  ${leafOf(source).id} -> ${leafOf(target).id} [${[`label=${quote(` ${labels.join('\\l ')}\\l`)}`, ...ends].join(', ')}];`,
    );
  }
  return `${[...lines, '}'].join('\n')}\n`;
}

const FILLS: readonly string[] = ['#ffffff', '#eceff1', '#f7f9fa', '#ffffff'];

function labelOf({ name, invokes, inner }: ChartNode): string {
  const small = [...invokes.map((id) => `runs ${id}`), ...inner.map((label) => `stays: ${label}`)];
  if (small.length === 0) return quote(name);
  const rows = small.map((text) => `<font point-size="9" color="#546e7a">${escaped(text)}</font>`);
  return `<${[escaped(name), ...rows].join('<br/>')}>`;
}

/** An edge needs a leaf at each end; the frame it stands for is named beside it. */
function leafOf(node: ChartNode): ChartNode {
  const first = node.children.find(({ isInitial }) => isInitial) ?? node.children[0];
  return first === undefined ? node : leafOf(first);
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '\\"')}"`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
