import { Worker } from 'node:worker_threads';

/** Starts the same file in several threads, each with its `index`, and takes what they tell. Rejects when one dies. */
export async function inThreads(
  file: URL,
  count: number,
  job: object,
  take: (told: unknown) => void,
): Promise<void> {
  const started = Array.from({ length: count }, (_, index) =>
    runThread(file, { ...job, index }, take),
  );
  await Promise.all(started);
}

function runThread(file: URL, workerData: object, take: (told: unknown) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData });
    worker.on('message', take);
    worker.on('error', reject);
    worker.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a worker ended with code ${code}`));
    });
  });
}
