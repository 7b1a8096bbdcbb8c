import { nowMs } from "./clock.mjs";

const BATCH = 1000;
const FEWEST = 100;
const LONGEST_S = 2;

/** An open queue, its workers warm and paused. */
export async function openTrial(queue, { concurrency = 10, workers = 1, kind = "noop" } = {}) {
  const place = await queue.place();
  const client = await queue.open(place);
  const trial = { place, client, workers: [], total: 0 };
  try {
    for (let i = 0; i < workers; i++) trial.workers.push(await queue.startWorker(place, concurrency));
    const warmUp = Math.min(1000, 100 * concurrency);
    await fill(trial, kind, warmUp);
    trial.usualRate = await drainQueued(trial, warmUp);
    return trial;
  } catch (error) {
    await closeTrial(trial);
    throw error;
  }
}

/** Queues while the workers stand still, then as `drainQueued`; less than `most` where that would take too long. */
export async function drainRate(trial, kind, most) {
  const count = Math.ceil(Math.min(most, Math.max(FEWEST, trial.usualRate * LONGEST_S)));
  await fill(trial, kind, count);
  return await drainQueued(trial, count);
}

/**
 * Lets the workers go and waits for the last end, as it is stored. `trial.total` counts what has been queued.
 * @returns how many of `count` ended in a second
 */
export async function drainQueued(trial, count) {
  const startMs = nowMs();
  resume(trial);
  const endMs = await trial.client.ended(trial.total);
  await pause(trial);
  return (count / (endMs - startMs)) * 1000;
}

async function fill(trial, kind, count) {
  for (let left = count; left > 0; left -= BATCH) {
    await trial.client.addMany(kind, Math.min(left, BATCH));
  }
  trial.total += count;
}

export async function pause({ workers }) {
  for (const worker of workers) await worker.pause();
}

export function resume({ workers }) {
  for (const worker of workers) worker.resume();
}

export async function closeTrial({ client, workers }) {
  for (const worker of workers) {
    worker.resume();
    await worker.stop();
  }
  await client.close();
}
