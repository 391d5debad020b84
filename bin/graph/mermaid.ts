import { type Chart, type ChartNode, nodesOf } from './chart.ts';

/**
 * A chart as a Mermaid state diagram: regions, services, guards, delays.
 * @param active ids of states that are marked.
 */
export function mermaidOf(chart: Chart, active: ReadonlySet<string> = new Set()): string {
  const lines = ['stateDiagram-v2', '  direction LR'];
  const draw = (node: ChartNode, depth: number): void => {
    const space = '  '.repeat(depth);
    const title = [node.name, ...node.invokes.map((id) => `runs ${id}`)].join(' · ');
    const isOpen = node.children.length > 0;
    lines.push(`${space}state "${title}" as ${node.id}${isOpen ? ' {' : ''}`);
    for (const [index, child] of node.children.entries()) {
      // Regions run side by side; the line between them is only legal inside of a state.
      if (node.type === 'parallel' && index > 0) lines.push(`${space}  --`);
      draw(child, depth + 1);
      if (child.isInitial) lines.push(`${space}  [*] --> ${child.id}`);
      if (child.type === 'final') lines.push(`${space}  ${child.id} --> [*]`);
    }
    if (isOpen) lines.push(`${space}}`);
  };
  draw(chart.root, 1);
  for (const { from, to, labels } of chart.edges) {
    for (const label of labels) lines.push(`  ${from} --> ${to} : ${label}`);
  }
  for (const { id, inner } of nodesOf(chart.root)) {
    for (const label of inner) lines.push(`  ${id} --> ${id} : ${label}, stays`);
  }
  lines.push('  classDef here fill:#ffd54f,stroke:#b26a00,stroke-width:3px,color:#000');
  for (const id of active) lines.push(`  class ${id} here`);
  return `${lines.join('\n')}\n`;
}
