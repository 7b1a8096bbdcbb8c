import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Keeps a small text of ours beside the project, private to this user. Where that cannot be done, it does not matter. */
export function keepNote(root: string, name: string, text: string): void {
  try {
    if (mkdirSync(join(root, ".qtasks"), { recursive: true, mode: 0o700 }) !== undefined)
      writeFileSync(join(root, ".qtasks", ".gitignore"), "*\n");
    writeFileSync(notePath(root, name), text, { mode: 0o600 });
  } catch {
    // A read-only folder: whoever wants the note does without.
  }
}

/** @returns undefined where there is none */
export function readNote(root: string, name: string): string | undefined {
  try {
    return readFileSync(notePath(root, name), "utf8");
  } catch {
    return undefined;
  }
}

function notePath(root: string, name: string): string {
  return join(root, ".qtasks", name);
}
