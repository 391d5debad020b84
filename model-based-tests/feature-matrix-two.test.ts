import { featureMatrix } from './support/feature-suite.ts';

featureMatrix([
  { driver: 'node:sqlite', states: 'odd', part: 'all' },
  // A sixth of the cells, another one in each state; all of them with LADING_RUNS=3.
  { driver: 'sql.js', states: 'all', part: 1 },
]);
