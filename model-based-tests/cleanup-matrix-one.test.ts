import { cleanupMatrix } from './support/cleanup-suite.ts';

cleanupMatrix(0);
