import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "./usage.js";

/** Remembers the id that was queued last from this project, for `@last`. Where it cannot, it does not matter. */
export function rememberLast(root: string, uuid: string): void {
  try {
    if (mkdirSync(join(root, ".qtasks"), { recursive: true, mode: 0o700 }) !== undefined)
      writeFileSync(join(root, ".qtasks", ".gitignore"), "*\n");
    writeFileSync(lastFile(root), `${uuid}\n`, { mode: 0o600 });
  } catch {
    // A read-only folder: the task is queued all the same.
  }
}

/** @throws {UsageError} when nothing has been queued from here */
export function recallLast(root: string): string {
  try {
    return readFileSync(lastFile(root), "utf8").trim();
  } catch {
    throw new UsageError(
      "@last: nothing has been queued from this folder yet.",
      "Give an id, or queue a task with `qtasks call`.",
    );
  }
}

function lastFile(root: string): string {
  return join(root, ".qtasks", "last");
}
