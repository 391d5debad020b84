import { yearSuite } from './support/year-suite.ts';

yearSuite([1, 2, 3, 4, 5]);
