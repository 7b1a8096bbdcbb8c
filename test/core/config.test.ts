import { describe, expect, test } from "vitest";
import {
  CONFIG_KEYS,
  type Config,
  environmentLayer,
  resolveConfig,
  variableOf,
} from "../../src/core/config.js";
import { ConfigError } from "../../src/core/errors.js";

const FILE = "/shop/qtasks.config.ts";
const fromFile = (values: Record<string, unknown>) => resolveConfig([{ origin: FILE, values }]);
const fromEnvironment = (environment: Record<string, string>) =>
  resolveConfig([environmentLayer(environment)]);

function refusal(resolve: () => unknown): ConfigError {
  try {
    resolve();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

/** How "no such value" is shown once it was read as that key's text. */
function shown(key: keyof Config): string {
  return key === "resultStatusesEnd" ? '["no such value"]' : '"no such value"';
}

test("what is left open has a default", () => {
  expect(resolveConfig([])).toEqual({
    name: "qtasks",
    tasks: "tasks",
    broker: "sqlite:.qtasks/queue.db",
    maxTasksProcess: 10,
    taskDefaultPriority: 0,
    taskDefaultDecode: null,
    taskDefaultMaxTime: null,
    resultStatusesEnd: ["success", "error", "cancel"],
    resultTimeInterval: 1,
    keepFinished: { age: 604_800, count: 100_000 },
    durability: "full",
    lease: 15,
    grace: 8,
    killGrace: 1,
    maxCrashes: 3,
    maxPayload: 1_048_576,
    loadTimeout: 10,
    busyTimeout: 10,
    isolation: null,
    processes: null,
    maxTasksPerChild: null,
    maxMemoryPerChild: null,
    plugins: [],
    logs: 1_048_576,
  });
});

const decode = (result: unknown) => result;
const broker = { enqueue: () => undefined };
const plugin = { name: "prune", setup: () => undefined };

/** For each key: forms that are accepted, with what they mean, and values that are refused. */
const KEYS: { [Key in keyof Config]: { accepted: [unknown, Config[Key]][]; refused: unknown[] } } = {
  name: {
    accepted: [
      ["shop", "shop"],
      ["Shop_1.eu-west", "Shop_1.eu-west"],
      ["x".repeat(100), "x".repeat(100)],
    ],
    refused: ["", "a b", "a/b", "x".repeat(101), 5, null],
  },
  tasks: {
    accepted: [
      ["src/tasks", "src/tasks"],
      ["src/**/*.tasks.ts", "src/**/*.tasks.ts"],
      [
        ["a", "b/*.ts"],
        ["a", "b/*.ts"],
      ],
    ],
    refused: ["", [], ["a", ""], ["a", 5], 5, null],
  },
  broker: {
    accepted: [
      ["memory:", "memory:"],
      [broker, broker],
    ],
    refused: ["", 5, null, {}, []],
  },
  maxTasksProcess: { accepted: [[1, 1]], refused: [0, -1, 1.5, "10", null, Number.NaN] },
  taskDefaultPriority: {
    accepted: [
      [-5, -5],
      [0, 0],
    ],
    refused: [1.5, "1", null, Number.POSITIVE_INFINITY],
  },
  taskDefaultDecode: {
    accepted: [
      [decode, decode],
      [null, null],
    ],
    refused: ["decode", {}],
  },
  taskDefaultMaxTime: {
    accepted: [
      [0.5, 0.5],
      ["5m", 300],
      [null, null],
    ],
    refused: [0, -1, "soon", Number.POSITIVE_INFINITY],
  },
  resultStatusesEnd: {
    accepted: [[["success"], ["success"]]],
    refused: [[], ["done"], "success", null],
  },
  resultTimeInterval: {
    accepted: [
      [0.1, 0.1],
      ["250ms", 0.25],
    ],
    refused: [0, "0s", -1, null],
  },
  keepFinished: {
    accepted: [
      [
        { age: "7d", count: 5 },
        { age: 604_800, count: 5 },
      ],
      [{ age: 60 }, { age: 60, count: null }],
      [{ count: 0 }, { age: null, count: 0 }],
      [
        { age: null, count: null },
        { age: null, count: null },
      ],
      [{}, { age: null, count: null }],
      [false, { age: null, count: null }],
    ],
    refused: [true, null, 5, [], { age: "soon" }, { count: -1 }, { count: 1.5 }, { ages: 1 }],
  },
  durability: {
    accepted: [
      ["full", "full"],
      ["normal", "normal"],
    ],
    refused: ["", "none", true, null],
  },
  lease: { accepted: [["30s", 30]], refused: [0, -1, null, "x"] },
  grace: {
    accepted: [
      [0, 0],
      ["1m", 60],
    ],
    refused: [-1, null, "x"],
  },
  killGrace: { accepted: [[0, 0]], refused: [-1, null, "x"] },
  maxCrashes: { accepted: [[1, 1]], refused: [0, 1.5, null, "3"] },
  maxPayload: {
    accepted: [
      [10, 10],
      ["2MiB", 2_097_152],
    ],
    refused: [0, -1, 1.5, "big", null],
  },
  loadTimeout: { accepted: [["1m", 60]], refused: [0, null] },
  busyTimeout: { accepted: [["1m", 60]], refused: [0, null] },
  isolation: {
    accepted: [
      ["process", "process"],
      ["inline", "inline"],
      [null, null],
    ],
    refused: ["thread", true],
  },
  processes: {
    accepted: [
      [4, 4],
      [null, null],
    ],
    refused: [0, 1.5, "4"],
  },
  maxTasksPerChild: {
    accepted: [
      [1, 1],
      [null, null],
    ],
    refused: [0, 1.5, "4"],
  },
  maxMemoryPerChild: {
    accepted: [
      ["512MiB", 536_870_912],
      [1000, 1000],
      [null, null],
    ],
    refused: [0, 1.5, "much"],
  },
  plugins: {
    accepted: [
      [[plugin], [plugin]],
      [[], []],
    ],
    refused: [plugin, [{}], [{ name: "x" }], [{ setup: () => 1 }], [null], null],
  },
  logs: {
    accepted: [
      [true, 1_048_576],
      [false, 0],
      [0, 0],
      ["64KiB", 65_536],
    ],
    refused: [-1, "many", null],
  },
};

test("every key of the config is tried below", () => {
  expect(Object.keys(KEYS).sort()).toEqual([...CONFIG_KEYS].sort());
});

describe("a key takes its accepted forms", () => {
  const rows = Object.entries(KEYS).flatMap(([key, { accepted }]) =>
    accepted.map(([given, meant]) => [key, given, meant] as const),
  );
  test.each(rows)("%s: %o", (key, given, meant) => {
    const config = fromFile({ [key]: given });
    expect(config[key as keyof Config]).toEqual(meant);
    expect(config).toEqual({ ...resolveConfig([]), [key]: meant });
  });
});

describe("a value that does not fit is refused, naming the key, the value and where it stands", () => {
  const rows = Object.entries(KEYS).flatMap(([key, { refused }]) =>
    refused.map((given) => [key, given] as const),
  );
  test.each(rows)("%s: %o", (key, given) => {
    const error = refusal(() => fromFile({ [key]: given }));
    expect(error.code).toBe("E_CONFIG");
    expect(error.message).toMatch(new RegExp(`^${key} in ${FILE} is .+\\.$`));
    expect(error.hint).toMatch(/^Give .+\.$/);
  });

  test("with the value as it was written", () => {
    const error = refusal(() => fromFile({ lease: "soon" }));
    expect(error.message).toBe(`lease in ${FILE} is "soon".`);
    expect(error.hint).toBe('Give seconds above 0, or text such as "90s" or "5m".');
  });
});

test("an unknown key is refused, with the ones that there are", () => {
  const error = refusal(() => fromFile({ maxTaskProcess: 5 }));
  expect(error.message).toBe(`${FILE} has an unknown key "maxTaskProcess".`);
  expect(error.hint).toContain("maxTasksProcess");
  expect(refusal(() => fromFile({ constructor: 5 })).message).toContain('"constructor"');
  expect(refusal(() => fromFile(JSON.parse('{"__proto__": 5}'))).message).toContain('"__proto__"');
});

test("a key that is given as undefined counts as not given", () => {
  expect(fromFile({ lease: undefined }).lease).toBe(15);
});

test("the earlier layer is the stronger one, and what it leaves open comes from the next", () => {
  const config = resolveConfig([
    { origin: "the flags", values: { grace: 1, lease: undefined } },
    environmentLayer({ QTASKS_GRACE: "2", QTASKS_LEASE: "2" }),
    { origin: FILE, values: { grace: 3, lease: 3, killGrace: 3 } },
  ]);
  expect(config).toMatchObject({ grace: 1, lease: 2, killGrace: 3, busyTimeout: 10 });
});

test("a wrong value is refused also where a stronger layer overrules it", () => {
  const layers = [
    { origin: "the flags", values: { grace: 1 } },
    { origin: FILE, values: { grace: "x" } },
  ];
  expect(refusal(() => resolveConfig(layers)).message).toContain(FILE);
});

test("the result cannot be changed", () => {
  expect(Object.isFrozen(resolveConfig([]))).toBe(true);
});

describe("the environment gives any key as QTASKS_<UPPER_SNAKE>", () => {
  test.each(CONFIG_KEYS.map((key) => [key, variableOf(key)] as const))("%s as %s", (key, variable) => {
    expect(variable).toMatch(/^QTASKS_[A-Z]+(?:_[A-Z]+)*$/);
    if (key === "tasks" || key === "broker") {
      expect(fromEnvironment({ [variable]: "any text" })[key]).toBe("any text");
      return;
    }
    const error = refusal(() => fromEnvironment({ [variable]: "no such value" }));
    expect(error.message).toBe(`${variable} in the environment is ${shown(key)}.`);
  });

  test.each<[string, string, Partial<Config>]>([
    ["QTASKS_NAME", "123", { name: "123" }],
    ["QTASKS_TASKS", "src/tasks", { tasks: "src/tasks" }],
    ["QTASKS_TASKS", "a, b/*.ts", { tasks: ["a", "b/*.ts"] }],
    ["QTASKS_TASKS", '["a","b"]', { tasks: ["a", "b"] }],
    ["QTASKS_TASKS", "src/{a,b}/*.ts", { tasks: "src/{a,b}/*.ts" }],
    ["QTASKS_BROKER", "memory:", { broker: "memory:" }],
    ["QTASKS_MAX_TASKS_PROCESS", "3", { maxTasksProcess: 3 }],
    ["QTASKS_TASK_DEFAULT_PRIORITY", "-1", { taskDefaultPriority: -1 }],
    ["QTASKS_TASK_DEFAULT_MAX_TIME", "null", { taskDefaultMaxTime: null }],
    ["QTASKS_RESULT_STATUSES_END", "success, error", { resultStatusesEnd: ["success", "error"] }],
    ["QTASKS_RESULT_STATUSES_END", "success", { resultStatusesEnd: ["success"] }],
    ["QTASKS_KEEP_FINISHED", "false", { keepFinished: { age: null, count: null } }],
    ["QTASKS_KEEP_FINISHED", '{"age":"1h"}', { keepFinished: { age: 3600, count: null } }],
    ["QTASKS_DURABILITY", "normal", { durability: "normal" }],
    ["QTASKS_LEASE", "90s", { lease: 90 }],
    ["QTASKS_GRACE", "0", { grace: 0 }],
    ["QTASKS_MAX_PAYLOAD", "2MiB", { maxPayload: 2_097_152 }],
    ["QTASKS_ISOLATION", "inline", { isolation: "inline" }],
    ["QTASKS_PROCESSES", "2", { processes: 2 }],
    ["QTASKS_LOGS", "false", { logs: 0 }],
  ])("%s=%s", (variable, text, meant) => {
    expect(fromEnvironment({ [variable]: text })).toMatchObject(meant);
  });

  test("an unknown variable of ours is refused by its name", () => {
    expect(refusal(() => fromEnvironment({ QTASKS_LEASES: "5" })).message).toBe(
      'the environment has an unknown key "QTASKS_LEASES".',
    );
  });

  test("other variables, empty ones and those of the tests are nobody's business", () => {
    const environment = { PATH: "/bin", QTASKS_LEASE: "", QTASKS_TEST_X: "5", QTASKS: "x" };
    expect(environmentLayer(environment).values).toEqual({});
    expect(environmentLayer({ QTASKS_LEASE: undefined }).values).toEqual({});
  });

  test("a function cannot be written there", () => {
    expect(refusal(() => fromEnvironment({ QTASKS_TASK_DEFAULT_DECODE: "x" })).message).toBe(
      'QTASKS_TASK_DEFAULT_DECODE in the environment is "x".',
    );
  });
});
