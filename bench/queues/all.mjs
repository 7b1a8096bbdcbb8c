import { bullmq, bullmqAof } from "./bullmq.mjs";
import { graphile } from "./graphile.mjs";
import { pgBoss } from "./pgBoss.mjs";
import { plainjob } from "./plainjob.mjs";
import { pQueue } from "./pQueue.mjs";
import { qtasks, qtasksInline, qtasksNormal, qtasksQuiet, qtasksRedis } from "./qtasks.mjs";
import { rawFull, rawNormal } from "./raw.mjs";

/**
 * A queue that is measured:
 * - `id`, `label`, and what it `keeps`: its durability, and whether results are stored
 * - `queuesAs`: the one that queues by the same code, where only working differs
 * - `answersOthers`: false when nobody can wait for a result in another process
 * - `isVariant`: another with the same code is measured too, which is enough for a quick run
 * - `isPeer`: the bench goes on without it where it fails
 * - `missing()`: why it cannot be measured here, undefined when it can
 * - `place()`: a new, empty queue, as data that another process can be told
 * - `open(place)`: a client there: `add`, `addMany`, `call` (resolves with the result), `ended(total)` (resolves with
 *   the epoch milliseconds of the last end, as stored where that is stored, once so many have ended), `close`
 * - `startWorker(place, concurrency)`: a worker in another process, which can be paused and resumed
 */
export const allQueues = [
  rawFull,
  rawNormal,
  qtasks,
  qtasksQuiet,
  qtasksNormal,
  qtasksInline,
  qtasksRedis,
  bullmq,
  bullmqAof,
  plainjob,
  graphile,
  pgBoss,
  pQueue,
];
