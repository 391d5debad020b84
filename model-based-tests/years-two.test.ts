import { isWhole, yearSuite } from './support/year-suite.ts';

yearSuite(isWhole ? [6, 7, 8, 9, 10] : [6, 7, 8]);
