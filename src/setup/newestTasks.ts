import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { NewestTask } from "../brokers/sqlite/newest.js";
import type { Project } from "./projectConfig.js";

/** The tasks queued last, where the broker can be asked without being opened; else none. */
export async function newestTasksOf(
  { root, config: { broker } }: Project,
  limit: number,
): Promise<readonly NewestTask[]> {
  const [, path] = /^sqlite:(.+)$/s.exec(typeof broker === "string" ? broker : "") ?? [];
  if (path === undefined) return [];
  const { newestTasks } = await import("../brokers/sqlite/newest.js");
  return await newestTasks(
    path.startsWith("//") ? fileURLToPath(`file:${path}`) : resolve(root, path),
    limit,
  );
}
