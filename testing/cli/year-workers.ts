import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { simulateYear } from '../simulator/year/simulate-year.ts';
import { yearBugs } from '../simulator/year/year-bugs.ts';
import type { SimDriver } from '../world/sim-driver.ts';
import { inThreads } from './threads.ts';
import { type YearReport, yearReport } from './year-report.ts';

interface Job {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly attachments: number;
  readonly driver: SimDriver;
  readonly bug: string | undefined;
  readonly verbose: boolean;
}

/** Lives years in threads. Rejects when a thread dies. */
export function yearsInWorkers(job: Job, take: (report: YearReport) => void): Promise<void> {
  return inThreads(new URL(import.meta.url), job.workers, job, (told) => take(told as YearReport));
}

if (!isMainThread) {
  const { from, seeds, workers, index, attachments, driver, bug, verbose } = workerData as Job & {
    readonly index: number;
  };
  const planted = yearBugs.find(({ name }) => name === bug);
  for (let seed = from + index; seed < from + seeds; seed += workers) {
    const beganAt = Date.now();
    const year = await simulateYear(seed, planted, { attachments, driver });
    const seconds = (Date.now() - beganAt) / 1_000;
    parentPort?.postMessage(yearReport(year, attachments, seconds, verbose), []);
  }
}
