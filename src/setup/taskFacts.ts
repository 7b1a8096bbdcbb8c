import type { TaskFacts } from "../core/facts.js";
import { type Param, paramsOf } from "../core/params.js";
import type { TaskExecSchema } from "../ports/execution.js";
import { inputShape } from "./inputShape.js";

/** What can be said of a task without its code. Nothing in it changes when it is written as JSON and read again. */
export function factsOf(schema: TaskExecSchema): TaskFacts {
  const { func: _, retryOnExc, retryDelay, executor, input, extra, ...data } = schema;
  const facts: TaskFacts = {
    ...data,
    retryOnExc: retryOnExc?.map(({ name }) => name) ?? null,
    retryDelay: typeof retryDelay === "function" ? "function" : retryDelay,
    executor: executor.name,
    middlewaresBefore: schema.middlewaresBefore.map(({ name }) => name),
    middlewaresAfter: schema.middlewaresAfter.map(({ name }) => name),
    decode: schema.decode !== null,
    generateHandler: schema.generateHandler !== null,
    input: input === null ? null : { vendor: input["~standard"].vendor, shape: inputShape(schema) ?? null },
    extra: Object.fromEntries(Object.entries(extra).map(([key, value]) => [key, plain(value)])),
    params: callerParams(schema) ?? null,
  };
  return JSON.parse(JSON.stringify(facts)) as TaskFacts;
}

/** The parameters that a caller gives: without the one that `echo` fills. */
function callerParams({ func, echo }: TaskExecSchema): readonly Param[] | undefined {
  const params = paramsOf(Function.prototype.toString.call(func));
  return echo ? params?.slice(1) : params;
}

function plain(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value) ?? "null");
  } catch {
    return String(value);
  }
}
