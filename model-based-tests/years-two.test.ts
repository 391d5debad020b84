import { yearSuite } from './support/year-suite.ts';

yearSuite([6, 7, 8, 9, 10]);
