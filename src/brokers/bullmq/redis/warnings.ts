import type { Connection } from "./connection.js";

/** What of the server's settings puts tasks at risk. */
export async function serverWarnings(connection: Connection): Promise<readonly string[]> {
  const info = String(await connection.call("INFO", []).catch(() => ""));
  const setting = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
  const snapshots = await connection.call("CONFIG", ["GET", "save"]).catch(() => undefined);
  const warnings: string[] = [];
  const policy = setting("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    warnings.push(`Redis may evict tasks: its maxmemory-policy is ${policy}. Set it to noeviction.`);
  }
  if (setting("aof_enabled") === "0") {
    const isLost = Array.isArray(snapshots) && snapshots[1] === "";
    warnings.push(
      isLost
        ? "Redis keeps nothing on disk: a restart loses every task. Turn on appendonly."
        : "Redis writes to disk only from time to time: a crash loses the tasks since then. Turn on appendonly.",
    );
  }
  return warnings;
}
