import { instance } from '@viz-js/viz';
import { chartOf } from '../../bin/graph/chart.ts';
import { attachmentMachine } from '../../machines/attachment/machine.ts';
import { dotOf } from './dot.ts';

/** Points between two regions. */
const GAP = 24;
/** Height of the title and of its explanation. */
const HEAD = 64;

interface Drawn {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly body: string;
}

/**
 * The attachment machine as it is drawn: each region by itself, the transfer on top, the two others below it.
 * Deterministic, so that a test can hold the committed file against it.
 */
export async function drawAttachment(): Promise<string> {
  const viz = await instance();
  const chart = chartOf(attachmentMachine);
  const drawn = chart.root.children.map((region) =>
    partsOf(region.name, viz.renderString(dotOf(chart, region), { format: 'svg' })),
  );
  const rows = [
    drawn.filter(({ name }) => name === 'transfer'),
    drawn.filter(({ name }) => name !== 'transfer'),
  ];
  let [width, top] = [0, HEAD];
  const places: string[] = [];
  for (const row of rows) {
    let left = 0;
    for (const { width: own, body } of row) {
      places.push(`<g transform="translate(${left} ${top})">\n${body}\n</g>`);
      left += own + GAP;
    }
    width = Math.max(width, left + GAP);
    top += Math.max(...row.map(({ height }) => height)) + GAP;
  }
  const height = top - GAP;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>The state machine of an attachment, version ${attachmentMachine.version}</title>`,
    '<style>',
    'text { font-family: Helvetica, Arial, sans-serif; }',
    '</style>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="8" y="28" font-size="24" fill="#263238">${chart.id}</text>`,
    '<text x="8" y="50" font-size="13" fill="#546e7a">three regions, side by side · [guard] · “upload done” is the answer of a service, “after” a timer, “always” a fact that holds · tried from top to bottom</text>',
    ...places,
    '</svg>\n',
  ].join('\n');
}

/** What Graphviz drew, without its own frame; ids of its groups and edges are its own affair. */
function partsOf(name: string, svg: string): Drawn {
  const [, width = '0', height = '0'] = /<svg width="(\d+)pt" height="(\d+)pt"/.exec(svg) ?? [];
  const body = svg
    .replace(/^[\s\S]*?<svg[^>]*>/, '')
    .replace(/<\/svg>\s*$/, '')
    .replaceAll(/<!--[\s\S]*?-->\n?/g, '')
    .replaceAll(/<title>[\s\S]*?<\/title>\n?/g, '')
    .replaceAll('&#45;', '-')
    .replaceAll(/ id="(?:graph|edge|node|clust)\d+"/g, '')
    .trim();
  return { name, width: Number(width), height: Number(height), body };
}
