import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { plantedBugs, simulate } from '../simulator/index.ts';
import type { SimDriver } from '../world/sim-sqljs.ts';
import { type SeedReport, seedReport } from './seed-report.ts';

interface Job {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly bug: string | undefined;
  readonly driver: SimDriver;
}

/** Runs seeds in threads: each takes every n-th. Rejects when a thread dies. */
export async function runInWorkers(job: Job, take: (report: SeedReport) => void): Promise<void> {
  const threads = Array.from({ length: job.workers }, (_, index) => runThread(job, index, take));
  await Promise.all(threads);
}

function runThread(job: Job, index: number, take: (report: SeedReport) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { ...job, index } });
    worker.on('message', take);
    worker.on('error', reject);
    worker.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a worker ended with code ${code}`));
    });
  });
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
