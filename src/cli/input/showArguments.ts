import type { TaskFacts } from "../../core/facts.js";
import { fieldsOf } from "./fields.js";
import { showParam } from "./params.js";

/** What a task takes, on one line: `<to> [subject]`, or with an input schema the fields of its object, `{sku, pieces?}`. */
export function showArguments({ input, params }: TaskFacts): string {
  if (input === null) return (params ?? []).map(showParam).join(" ");
  const known = input.shape === null ? undefined : fieldsOf(input.shape);
  if (known === undefined) return "{…}";
  const required = new Set(known.fields.filter(({ isRequired }) => isRequired).map(({ path }) => path[0]));
  const names = new Set(known.fields.map(({ path }) => path[0]));
  return `{${[...names].map((name) => (required.has(name) ? name : `${name}?`)).join(", ")}}`;
}
