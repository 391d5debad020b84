import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { plantedBugs, simulate } from '../simulator/index.ts';
import type { SimDriver } from '../world/sim-driver.ts';
import { type SeedReport, seedReport } from './seed-report.ts';
import { inThreads } from './threads.ts';

interface Job {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly bug: string | undefined;
  readonly driver: SimDriver;
}

/** Runs seeds in threads: each takes every n-th. Rejects when a thread dies. */
export function runInWorkers(job: Job, take: (report: SeedReport) => void): Promise<void> {
  return inThreads(new URL(import.meta.url), job.workers, job, (told) => take(told as SeedReport));
}

if (!isMainThread) {
  const { from, seeds, workers, index, bug, driver } = workerData as Job & {
    readonly index: number;
  };
  const planted = plantedBugs.find(({ name }) => name === bug);
  for (let seed = from + index; seed < from + seeds; seed += workers) {
    parentPort?.postMessage(seedReport(await simulate(seed, planted, { driver })), []);
  }
}
