import { readFileSync } from 'node:fs';

/** The drawing that was made of this version's machine when the package was built. */
export function attachmentSvg(): string {
  return readFileSync(new URL('./attachment.svg', import.meta.url), 'utf8');
}

/**
 * Marks states in the drawing.
 * @param active ids of states; those that hold others are only framed.
 */
export function highlighted(svg: string, active: ReadonlySet<string>): string {
  const marked = svg.replaceAll(
    /<g id="state-([^"]+)" class="(node|cluster)"/g,
    (found, id: string, kind: string) =>
      active.has(id) ? `<g id="state-${id}" class="${kind} here"` : found,
  );
  return marked.replace('</style>', `${HERE}</style>`);
}

const HERE = `.here > path, .here > polygon { stroke: #b26a00; stroke-width: 3; }
.node.here > path, .node.here > polygon, .node.here > ellipse { fill: #ffd54f; }
.node.here text { fill: #000; font-weight: bold; }
`;
