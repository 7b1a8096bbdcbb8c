import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** A new folder with these files, gone after the test. A value of `-> place` makes a symbolic link. */
export function createFolder(files: Readonly<Record<string, string>> = {}): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "qtasks-test-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) addFile(root, name, text);
  return root;
}

function addFile(root: string, name: string, text: string): void {
  const path = join(root, name);
  mkdirSync(dirname(path), { recursive: true });
  const [, target] = /^-> (.+)$/.exec(text) ?? [];
  if (target === undefined) writeFileSync(path, text);
  else symlinkSync(target, path);
}
