import { keepNote, readNote } from "../setup/notes.js";
import { UsageError } from "./usage.js";

/** Remembers the id that was queued last from this project, for `@last`. Where it cannot, it does not matter. */
export function rememberLast(root: string, uuid: string): void {
  keepNote(root, "last", `${uuid}\n`);
}

/** @throws {UsageError} when nothing has been queued from here */
export function recallLast(root: string): string {
  const note = readNote(root, "last");
  if (note !== undefined) return note.trim();
  throw new UsageError(
    "@last: nothing has been queued from this folder yet.",
    "Give an id, or queue a task with `qtasks call`.",
  );
}
