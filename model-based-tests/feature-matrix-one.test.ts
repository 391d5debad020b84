import { featureMatrix } from './support/feature-suite.ts';

featureMatrix([
  { driver: 'node:sqlite', states: 'even', part: 'all' },
  // A sixth of the cells, another one in each state; all of them with LADING_RUNS=3.
  { driver: 'better-sqlite3', states: 'all', part: 0 },
]);
