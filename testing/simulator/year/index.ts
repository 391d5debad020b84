/** The year: the same world for 365 days of people's work, judged by what is left of it. See docs/testing.md. */

export { yearOracles } from './oracles/index.ts';
export { simulateYear, type Year, type YearParts } from './simulate-year.ts';
export { type YearBug, yearBugs } from './year-bugs.ts';
