import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = [];

process.on("exit", removeFolders);

/** An empty folder on the disk of the temporary files, gone when the bench ends. */
export function makeFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `qtasks-bench-${name}-`));
  chmodSync(folder, 0o755); // servers may run as another user
  folders.push(folder);
  return folder;
}

export function removeFolders() {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
