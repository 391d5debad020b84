import { readFileSync } from 'node:fs';
import type { KnipConfig } from 'knip';

const { compilerOptions } = JSON.parse(
  readFileSync(new URL('tsconfig.json', import.meta.url), 'utf8'),
) as { readonly compilerOptions: { readonly paths: Readonly<Record<string, readonly string[]>> } };

/** Whatever is not reached from here is dead: files, exports and dependencies. */
const config: KnipConfig = {
  workspaces: { '.': { entry: entries(), project: ['**/*.ts'] } },
  ignoreIssues: {
    // Taken as whole namespaces by machines/attachment/setup.ts: their names are the machine's.
    'machines/attachment/{assigns,guards,delays}.ts': ['exports'],
  },
  // A type that only its own file names still has to be nameable where the file's functions are used.
  ignoreExportsUsedInFile: { interface: true, type: true },
  // Of the system, looked for before they are used.
  ignoreBinaries: ['mkfifo', 'unshare'],
};
export default config;

function entries(): string[] {
  return [
    // What the package exports, and its command.
    ...Object.values(compilerOptions.paths)
      .flat()
      .map((path) => path.replace('./', '')),
    'bin/lading.ts',
    // A process of its own.
    'adapters/remotes/node-carrier/helper.ts',
    // What npm scripts, tests and people start; and children that tests start by their path.
    'testing/cli/*.ts',
    'tests/**/*.test.ts',
    'model-based-tests/**/*.test.ts',
    'tests/support/**/{main,child,open-child,server}.ts',
    'tests/support/tus-process.ts',
    'bench/*.ts',
    'tools/**/*.ts',
    'examples/*/main.ts',
    'examples/demo/{app,server}/main.ts',
  ];
}
