import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Keeps a small text of ours beside the project, private to this user; whoever reads it meanwhile sees the old one or
 * the new one, whole. Where that cannot be done, it does not matter.
 */
export function keepNote(root: string, name: string, text: string): void {
  const draft = notePath(root, `${name}.${process.pid}`);
  try {
    if (mkdirSync(join(root, ".qtasks"), { recursive: true, mode: 0o700 }) !== undefined)
      writeFileSync(join(root, ".qtasks", ".gitignore"), "*\n");
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, notePath(root, name));
  } catch {
    // A read-only folder, or a full disk: whoever wants the note does without.
    discard(draft);
  }
}

function discard(draft: string): void {
  try {
    rmSync(draft, { force: true });
  } catch {
    // It could not be made either.
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
