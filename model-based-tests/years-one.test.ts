import { isWhole, yearSuite } from './support/year-suite.ts';

yearSuite(isWhole ? [1, 2, 3, 4, 5] : [1, 2, 4]);
