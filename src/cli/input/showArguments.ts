import type { TaskExecSchema } from "../../ports/execution.js";
import { fieldsOf } from "./fields.js";
import { callerParams, showParam } from "./params.js";
import { inputShape } from "./shape.js";

/** What a task takes, on one line: `<to> [subject]`, or with an input schema the fields of its object, `{sku, pieces?}`. */
export function showArguments(task: TaskExecSchema): string {
  if (task.input === null) return (callerParams(task) ?? []).map(showParam).join(" ");
  const shape = inputShape(task);
  const known = shape === undefined ? undefined : fieldsOf(shape);
  if (known === undefined) return "{…}";
  const required = new Set(known.fields.filter(({ isRequired }) => isRequired).map(({ path }) => path[0]));
  const names = new Set(known.fields.map(({ path }) => path[0]));
  return `{${[...names].map((name) => (required.has(name) ? name : `${name}?`)).join(", ")}}`;
}
