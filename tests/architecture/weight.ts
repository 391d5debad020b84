import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { root } from './source-files.ts';

/** One file that a page loads, minified, `gzip -9`. */
export interface WeighedChunk {
  readonly name: string;
  /** Loaded by the import itself, not by a later `import()`. */
  readonly isEager: boolean;
  readonly minifiedBytes: number;
  readonly gzippedBytes: number;
  readonly modules: readonly string[];
}

/**
 * Bundles an entry as an app's bundler does, without xstate and Node's builtins, and weighs what comes out. What the
 * entry loads at once is one chunk; each part that is loaded on demand is its own.
 */
export async function weigh(entry: string): Promise<readonly WeighedChunk[]> {
  const natural = await bundle(entry, new Set());
  const eager = new Set(eagerOf(natural).flatMap(({ moduleIds }) => moduleIds));
  const chunks = await bundle(entry, eager);
  const loadedAtOnce = new Set(eagerOf(chunks));
  return chunks.map((chunk) => ({
    name: chunk.name,
    isEager: loadedAtOnce.has(chunk),
    minifiedBytes: Buffer.byteLength(chunk.code),
    gzippedBytes: gzipSync(chunk.code, { level: 9 }).byteLength,
    modules: chunk.moduleIds.map((id) => id.replace(`${root}/`, '')),
  }));
}

type Built = Awaited<ReturnType<typeof build>>;
type Chunk = Extract<Extract<Built, { output: unknown }>['output'][number], { type: 'chunk' }>;

async function bundle(entry: string, together: ReadonlySet<string>): Promise<readonly Chunk[]> {
  const built = await build({
    root,
    configFile: false,
    logLevel: 'silent',
    ssr: { noExternal: true },
    build: {
      ssr: true,
      write: false,
      target: 'es2024',
      minify: true,
      rolldownOptions: {
        input: join(root, entry),
        preserveEntrySignatures: 'strict',
        external: /^(xstate($|\/)|node:)/,
        output: {
          format: 'es',
          codeSplitting: { groups: [{ name: 'eager', test: (id) => together.has(id) }] },
        },
      },
    },
  });
  const outputs = (Array.isArray(built) ? built : [built]) as readonly Extract<
    Built,
    { output: unknown }
  >[];
  return outputs
    .flatMap(({ output }) => [...output])
    .filter((one): one is Chunk => one.type === 'chunk');
}

function eagerOf(chunks: readonly Chunk[]): readonly Chunk[] {
  const byFile = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const found = new Set<Chunk>();
  const waiting = chunks.filter(({ isEntry }) => isEntry);
  for (let chunk = waiting.pop(); chunk !== undefined; chunk = waiting.pop()) {
    if (found.has(chunk)) continue;
    found.add(chunk);
    for (const file of chunk.imports) {
      const next = byFile.get(file);
      if (next !== undefined) waiting.push(next);
    }
  }
  return [...found];
}
