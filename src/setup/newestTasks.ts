import { fileURLToPath } from "node:url";
import type { NewestTask } from "../brokers/sqlite/newest.js";

/** The tasks queued last, where the broker can be asked without being opened; else none. */
export async function newestTasksOf(broker: string | null, limit: number): Promise<readonly NewestTask[]> {
  const [, path] = /^sqlite:(.+)$/s.exec(broker ?? "") ?? [];
  if (path === undefined) return [];
  const { newestTasks } = await import("../brokers/sqlite/newest.js");
  return await newestTasks(path.startsWith("//") ? fileURLToPath(`file:${path}`) : path, limit);
}
