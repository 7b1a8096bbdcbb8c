import { DuplicateTaskError } from "../core/errors.js";
import type { TaskExecSchema } from "../ports/execution.js";
import { showSource } from "./source.js";

/** One entry for each task name. */
export class Registry {
  readonly #schemas = new Map<string, TaskExecSchema>();

  /** @throws {DuplicateTaskError} naming both places; the same schema again changes nothing */
  add(schema: TaskExecSchema): void {
    const earlier = this.#schemas.get(schema.name);
    if (earlier === schema) return;
    if (earlier !== undefined) {
      throw new DuplicateTaskError(schema.name, showSource(earlier.source), showSource(schema.source));
    }
    this.#schemas.set(schema.name, schema);
  }

  get schemas(): ReadonlyMap<string, TaskExecSchema> {
    return this.#schemas;
  }
}
