import type { SourceFile } from './source-files.ts';

/** One import circle, as the paths along it, first and last the same; undefined when there is none. */
export function findCycle(files: readonly SourceFile[]): readonly string[] | undefined {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();

  const walk = (path: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const { target } of byPath.get(path)?.imports ?? []) {
      const cycle = target === null ? undefined : walk(target, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };

  for (const { path } of files) {
    const cycle = walk(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Paths of the project's files that `starts` import, directly or through others. */
export function reachedFrom(
  starts: readonly SourceFile[],
  files: readonly SourceFile[],
): readonly string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const reached = new Set<string>();
  const waiting = [...starts];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    for (const { target } of file.imports) {
      if (target === null || reached.has(target)) continue;
      reached.add(target);
      const next = byPath.get(target);
      if (next !== undefined) waiting.push(next);
    }
  }
  return [...reached];
}
