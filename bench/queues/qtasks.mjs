import { until } from "../lib/clock.mjs";
import { makeProject, openApp, startQtasksWorker } from "../lib/project.mjs";
import { redis, redisMissing } from "../lib/servers.mjs";
import { startWorker } from "../lib/worker.mjs";
import { perform } from "./perform.mjs";

let places = 0;

const PROCESSES = "tasks in child processes, results stored";

export const qtasks = fromShell("qtasks", "qtasks, default settings", `durability full, ${PROCESSES}`);
export const qtasksQuiet = fromShell(
  "qtasks-quiet",
  "qtasks, --log-level error",
  `durability full, ${PROCESSES}, no line printed for each task`,
  { words: ["--log-level", "error"], queuesAs: "qtasks", isVariant: true },
);
export const qtasksNormal = fromShell(
  "qtasks-normal",
  'qtasks, durability "normal"',
  `durability normal, ${PROCESSES}`,
  { durability: "normal", isVariant: true },
);
export const qtasksRedis = {
  ...fromShell(
    "qtasks-redis",
    "qtasks, its broker on Redis without AOF",
    `a crash of Redis takes everything, ${PROCESSES}`,
    {
      broker: async () => `redis://127.0.0.1:${await redis(false)}/0?prefix=bench${places++}`,
    },
  ),
  missing: redisMissing,
};
export const qtasksInline = {
  id: "qtasks-inline",
  isVariant: true,
  queuesAs: "qtasks",
  label: "qtasks, inline",
  keeps: "durability full, tasks in the worker's own process, results stored",
  place: async () => ({ folder: makeProject(), durability: "full" }),
  open: async (place) => await openClient(place),
  startWorker: (place, concurrency) => startWorker(import.meta.url, place, concurrency),
};

function fromShell(
  id,
  label,
  keeps,
  { durability = "full", words = [], queuesAs, isVariant = false, broker } = {},
) {
  return {
    id,
    label,
    keeps,
    queuesAs,
    isVariant,
    place: async () => ({ folder: makeProject(), durability, broker: await broker?.() }),
    open: async (place) => await openClient(place),
    startWorker: (place, concurrency) =>
      startQtasksWorker(place.folder, ["--concurrency", String(concurrency), ...words], {
        QTASKS_DURABILITY: durability,
        ...(place.broker !== undefined && { QTASKS_BROKER: place.broker }),
      }),
  };
}

async function openClient({ folder, durability, broker }) {
  const app = openApp(folder, { durability, ...(broker !== undefined && { broker }) });
  await app.open();
  return new QtasksClient(app);
}

class QtasksClient {
  constructor(app) {
    this.app = app;
  }

  add(kind, payload) {
    return this.app.addTask(kind, argsOf(payload));
  }

  async addMany(kind, count, payload) {
    const calls = Array.from({ length: count }, () => ({
      taskName: kind,
      args: argsOf(payload),
      options: {},
    }));
    await this.app.addTasks(calls);
  }

  async call(kind) {
    const result = await this.app.addTask(kind, [], { timeout: 60 });
    return await result.value();
  }

  async ended(total) {
    const hasEnded = async () => (await this.app.counts()).success >= total;
    await until(hasEnded, { everyMs: 20, what: `the end of ${total} tasks` });
    // In the order of queueing, which is nearly that of their ends: the last one is among the newest.
    const newest = await this.app.list({ status: "success", limit: 1000 });
    return Math.max(...newest.map((task) => task.finishedAt.getTime()));
  }

  async close() {
    await this.app.close();
  }
}

function argsOf(payload) {
  return payload === undefined ? [] : [payload];
}

export async function work({ folder, durability }, concurrency) {
  const app = openApp(folder, { durability, maxTasksProcess: concurrency });
  for (const [kind, retry] of [
    ["noop", 0],
    ["size", 0],
    ["flaky", 2],
  ]) {
    app.task({ name: kind, retry, echo: true }, async (self, payload) =>
      perform(kind, payload, self.ctx.attempt),
    );
  }
  await app.worker.start();
}
