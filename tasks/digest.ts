import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { app, currentTask } from "qtasks";

/** The SHA-256 of every file below a folder, by its path. Tells its progress, and stops when it is told to. */
export const digestFolder = app.task(
  {
    name: "digest.folder",
    tags: ["files"],
    description: "SHA-256 of every file of a folder",
    maxTime: "10m",
  },
  async (folder: string) => {
    const files = await filesBelow(folder);
    const digests: Record<string, string> = {};
    for (const [index, file] of files.entries()) {
      currentTask()?.progress(index, files.length, relative(folder, file));
      digests[relative(folder, file)] = await digestOf(file);
    }
    currentTask()?.progress(files.length, files.length);
    return digests;
  },
);

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = entries
    .filter((entry) => entry.name !== "node_modules" && !entry.name.startsWith("."))
    .map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(path);
      return entry.isFile() ? [path] : [];
    });
  return (await Promise.all(nested)).flat().sort();
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  const signal = currentTask()?.signal;
  await pipeline(createReadStream(file), hash, ...(signal === undefined ? [] : [{ signal }]));
  return hash.digest("hex");
}
