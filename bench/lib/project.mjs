import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { QueueTasks } from "../../dist/index.js";
import { makeFolder } from "./folders.mjs";
import { says, start } from "./processes.mjs";
import { commandWorker } from "./worker.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const BIN = join(ROOT, "bin/qtasks.js");

const TASKS = `
import { app, currentTask } from "qtasks";
export const noop = app.task("noop", async () => 1);
export const plain = app.task("plain", () => 1);
export const size = app.task("size", async (text) => text.length);
export const pid = app.task("pid", async () => process.pid);
export const flaky = app.task({ name: "flaky", retry: 2 }, async () => {
  const { attempt } = currentTask();
  if (attempt < 3) throw new Error("attempt " + attempt + " fails");
  return 1;
});
`;

/** A project with the tasks that are measured. @returns its folder */
export function makeProject(files = { "tasks/bench.mjs": TASKS }) {
  const folder = makeFolder("project");
  // A busy machine is no hanging module; all else is as it is by default.
  const all = {
    "qtasks.config.mjs": "export default { loadTimeout: 60 };\n",
    "package.json": "{}\n",
    ...files,
  };
  for (const [file, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules/qtasks"));
  return folder;
}

/** An application on the queue of that project, in this process. */
export function openApp(folder, options = {}) {
  return new QueueTasks({ broker: `sqlite:${join(folder, ".qtasks/queue.db")}`, ...options });
}

/** Queues so many tasks that do nothing, a thousand at a time. */
export async function fill(app, count, options = {}) {
  const call = { taskName: "noop", args: [], options };
  for (let left = count; left > 0; left -= 1000) await app.addTasks(Array(Math.min(left, 1000)).fill(call));
}

/** `qtasks worker` as users start it; resolves once it claims. */
export async function startQtasksWorker(folder, words = [], env = {}, nodeWords = []) {
  const child = start(process.execPath, [...nodeWords, BIN, "worker", ...words], { cwd: folder, env });
  await says(child, /concurrency \d+/);
  return commandWorker(child);
}
