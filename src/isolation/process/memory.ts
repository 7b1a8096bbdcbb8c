import { readdir, readFile } from "node:fs/promises";

/**
 * Bytes that each process group holds in memory, by the pid of its leader. Empty where the system does not tell it in
 * `/proc`. Memory that processes share is counted for each.
 */
export async function groupMemory(): Promise<ReadonlyMap<number, number>> {
  const bytes = new Map<number, number>();
  for (const pid of await processIds()) {
    const facts = await readProcess(pid);
    if (facts !== undefined) bytes.set(facts.group, (bytes.get(facts.group) ?? 0) + facts.bytes);
  }
  return bytes;
}

async function processIds(): Promise<readonly string[]> {
  try {
    return (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** Undefined for one that has ended meanwhile, or that may not be read. */
async function readProcess(pid: string): Promise<{ group: number; bytes: number } | undefined> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "latin1"),
      readFile(`/proc/${pid}/status`, "latin1"),
    ]);
    // `PID (name) state ppid group …`: the name may hold spaces and brackets.
    const [, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
    return { group: Number(group), bytes: Number(kibibytes ?? 0) * 1024 };
  } catch {
    return undefined;
  }
}
