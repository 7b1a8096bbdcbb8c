import { ratioOf, rowOf, summaryOf } from "./ratios.mjs";

const DRAINED = { scenario: "drained-100", key: "rate", of: "qtasks" };

/** What qtasks wants to reach. Ratios are of the same round; `at` says which side of the limit is good. */
const GOALS = [
  ratio("drained, concurrency 100, against raw FULL", DRAINED, "raw-full", "least", 0.8),
  ratio("… against BullMQ on Redis without AOF", DRAINED, "bullmq", "least", 3.5),
  ratio("… against plainjob", DRAINED, "plainjob", "least", 4),
  ratio("… against graphile-worker, batched", DRAINED, "graphile", "least", 2),
  ratio(
    "drained, concurrency 10, against raw FULL",
    { ...DRAINED, scenario: "drained-10" },
    "raw-full",
    "least",
    0.8,
  ),
  ratio("queued one by one, against raw FULL", queued("one-by-one"), "raw-full", "least", 0.9),
  ratio(
    "… durability normal, against raw NORMAL",
    queued("one-by-one", "qtasks-normal"),
    "raw-normal",
    "least",
    0.9,
  ),
  ratio("queued by 100 producers, against raw FULL", queued("producers"), "raw-full", "least", 0.6),
  ratio("queued in bulk, against raw FULL", queued("bulk"), "raw-full", "least", 0.6),
  ratio("call to result, p50, against raw FULL", called("p50"), "raw-full", "most", 1.8),
  ratio("call to result, p99, against raw FULL", called("p99"), "raw-full", "most", 3),
  ...["bullmq", "bullmq-aof", "plainjob", "graphile", "pg-boss"].map((peer) =>
    ratio(`call to result, p50, against ${peer}`, called("p50"), peer, "most", 1),
  ),
  ratio(
    "drained by 2 workers, against 1",
    { scenario: "more-workers", key: "rate", of: "2" },
    "1",
    "least",
    1,
  ),
  value("4 writers, worst share", { scenario: "fairness", key: "worst", of: "qtasks" }, "least", 0.15),
  value("4 writers, longest wait, ms", { scenario: "fairness", key: "longest", of: "qtasks" }, "most", 250),
  value("wake-ups lost", { scenario: "wake-ups", key: "lost", of: "qtasks" }, "most", 0),
  ratio("a claim among 1,000,000, against 1,000", claim("many"), "few", "most", 1.3),
  ratio("a claim beside 900,000 scheduled, against 1,000 alone", claim("scheduled"), "few", "most", 1.3),
  value("an idle worker, % of a core", { scenario: "idle", key: "cpu", of: "qtasks" }, "most", 0.1),
  value("its supervisor, MiB resident", { scenario: "idle", key: "supervisor", of: "qtasks" }, "most", 80),
  ...[
    ["call", "qtasks call", 2],
    ["version", "qtasks --version", 1.4],
    ["help", "qtasks --help", 1.4],
    ["list", "qtasks list, warm, 100 modules", 2],
    ["list-cold", "qtasks list, cold", 5.5],
    ["status", "qtasks status", 1.8],
    ["cancel", "qtasks cancel", 1.8],
    ["result", "qtasks result", 1.8],
    ["run", "qtasks run", 5],
  ].map(([of, figure, most]) =>
    ratio(`${figure}, against node -e 0`, { scenario: "start-up", key: "ms", of }, "node", "most", most),
  ),
  value("a killed child replaced, ms", { scenario: "replaced", key: "ms", of: "qtasks" }, "most", 100),
  ratio(
    "drained with 200 waiters, against none",
    { scenario: "waiters", key: "rate", of: "200" },
    "none",
    "least",
    0.8,
  ),
  ratio(
    "drained by qtasks on Redis, against plain BullMQ there",
    { ...DRAINED, of: "qtasks-redis" },
    "bullmq",
    "least",
    0.7,
  ),
];

/** @returns for each goal `{ figure, goal, found, isReached }`; `found` undefined where it was not measured */
export function judgeGoals(results) {
  return GOALS.map(({ figure, at, limit, find }) => {
    const found = find(results);
    return {
      figure,
      goal: `${at === "least" ? "≥" : "≤"} ${limit}`,
      found,
      isReached: found && (at === "least" ? found.median >= limit : found.median <= limit),
    };
  });
}

function ratio(figure, { scenario, key, of }, baseline, at, limit) {
  return { figure, at, limit, find: (results) => ratioOf(resultOf(results, scenario, key), of, baseline) };
}

function value(figure, { scenario, key, of }, at, limit) {
  const find = (results) => {
    const row = rowOf(resultOf(results, scenario, key), of);
    return row && summaryOf(row.values);
  };
  return { figure, at, limit, find };
}

function queued(scenario, of = "qtasks") {
  return { scenario, key: "rate", of };
}

function called(key) {
  return { scenario: "called", key, of: "qtasks" };
}

function claim(of) {
  return { scenario: "depth", key: "claimMs", of };
}

function resultOf(results, scenario, key) {
  return results.find((result) => result.scenario === scenario && result.figure.key === key);
}
