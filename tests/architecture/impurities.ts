import { type ESTree, Visitor } from 'vite';

/** Each reads a clock, draws from chance, or waits. */
const members = new Set([
  'Date.now',
  'performance.now',
  'process.hrtime',
  'Math.random',
  'crypto.randomUUID',
  'crypto.getRandomValues',
]);
const globals = new Set(['setTimeout', 'setInterval', 'setImmediate', 'randomUUID', 'randomBytes']);

/** The uses of a clock, of chance or of timers in a program, as they are written there. */
export function findImpurities(program: ESTree.Program): readonly string[] {
  const found: string[] = [];
  /** Where a name is a property or a key, and so not the global of that name. */
  const properties = new Set<number>();
  /** Local names of the `uuid` package's generators: without options they draw time and chance themselves. */
  const generators = new Set<string>();
  const names: { readonly name: string; readonly start: number }[] = [];

  const key = (node: { readonly key: ESTree.Node; readonly computed: boolean }): void => {
    if (!node.computed) properties.add(node.key.start);
  };
  new Visitor({
    Property: key,
    MethodDefinition: key,
    PropertyDefinition: key,
    TSPropertySignature: key,
    TSMethodSignature: key,
    Identifier: ({ name, start }) => void names.push({ name, start }),
    MemberExpression: ({ object, property, computed }) => {
      if (computed || property.type !== 'Identifier') return;
      const owner = lastName(object);
      if (owner !== 'globalThis') properties.add(property.start);
      const written = `${owner}.${property.name}`;
      if (members.has(written)) found.push(written);
    },
    NewExpression: ({ callee, arguments: given }) => {
      if (lastName(callee) === 'Date' && given.length === 0) found.push('new Date()');
    },
    ImportDeclaration: ({ source, specifiers }) => {
      if (source.value === 'uuid') for (const { local } of specifiers) generators.add(local.name);
      if (/^(node:)?timers/.test(source.value)) found.push(source.value);
    },
    CallExpression: ({ callee, arguments: given }) => {
      const name = lastName(callee);
      if (callee.type === 'Identifier' && name === 'Date') found.push('Date()');
      if (/^v[1-7]$|uuid/i.test(name) && generators.has(name) && given.length === 0) {
        found.push(`${name}() of uuid without options`);
      }
    },
  }).visit(program);

  for (const { name, start } of names) {
    if (globals.has(name) && !properties.has(start)) found.push(name);
  }
  return found;
}

/** `b` of `a.b` and of `b`. */
function lastName(node: ESTree.Node): string {
  if (node.type === 'Identifier') return node.name;
  if (node.type === 'MemberExpression' && node.property.type === 'Identifier') {
    return node.property.name;
  }
  return '';
}
