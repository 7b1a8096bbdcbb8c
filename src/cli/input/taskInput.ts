import type { JsonSchema, TaskFacts } from "../../core/facts.js";
import { fieldsOf } from "./fields.js";
import { type FieldFlag, nameFlags } from "./flags.js";

/** What the `input` schema of a task says about the object that it takes. */
export interface TaskInput {
  /** empty where the shape is not known, or is no object */
  readonly flags: readonly FieldFlag[];
  /** paths of objects that are there even if nothing in them is given; the first is the whole */
  readonly objects: readonly (readonly string[])[];
  /** of the library that the schema is made with */
  readonly vendor: string;
  readonly hasShape: boolean;
}

/**
 * @param taken flags that have another meaning
 * @returns undefined for a task without a schema
 */
export function inputOf(task: TaskFacts | undefined, taken: Iterable<string>): TaskInput | undefined {
  if (task === undefined || task.input === null) return undefined;
  const { vendor, shape } = task.input;
  const known = shape === null ? undefined : fieldsOf(shape);
  return {
    flags: nameFlags(known?.fields ?? [], taken),
    objects: isObjectShape(shape) ? [[], ...(known?.objects ?? [])] : [],
    vendor,
    hasShape: shape !== null,
  };
}

/** A schema is for one object; only one that says otherwise gets nothing when nothing was given. */
function isObjectShape(shape: JsonSchema | null): boolean {
  return typeof shape?.type !== "string" || shape.type === "object";
}
