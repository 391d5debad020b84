import { defineConfig, type ViteUserConfigExport } from 'vitest/config';

/** Every `*.test.ts` must be matched by one of these; tests/architecture/walls.test.ts checks it. */
export const include: readonly string[] = ['tests/**/*.test.ts', 'model-based-tests/**/*.test.ts'];

/** Where `.ci/run` wants the counts. */
const reportFile = process.env['LADING_TEST_REPORT'];
const onGitHub = process.env['GITHUB_ACTIONS'] === 'true';

const config: ViteUserConfigExport = defineConfig({
  // `lading` and its subpaths mean the sources here, by the paths of tsconfig.json.
  resolve: { tsconfigPaths: true },
  test: {
    include: [...include],
    globalSetup: ['tests/support/rgw/setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: [
      'default',
      ...(onGitHub ? ['github-actions'] : []),
      ...(reportFile === undefined ? [] : ['json']),
    ],
    ...(reportFile === undefined ? {} : { outputFile: { json: reportFile } }),
  },
});
export default config;
