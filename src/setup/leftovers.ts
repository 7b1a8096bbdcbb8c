import { readdirSync, readFileSync } from "node:fs";

/**
 * Child processes of workers that outlived their supervisor, by their pids: what their watchdog should have ended.
 * @param entry the script that they run
 * @returns undefined where there is no /proc to tell
 */
export function leftoverChildren(entry: string): readonly number[] | undefined {
  if (process.platform !== "linux") return undefined;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandOf(pid).includes(entry) && !commandOf(parentOf(pid)).includes("qtasks"))
    .map(Number);
}

function commandOf(pid: string): string {
  return readProc(pid, "cmdline").replaceAll("\0", " ");
}

function parentOf(pid: string): string {
  return /^PPid:\s*(\d+)$/m.exec(readProc(pid, "status"))?.[1] ?? "";
}

/** Empty once the process is gone, or is another user's. */
function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
