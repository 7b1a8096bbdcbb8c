import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { v7 } from "uuid";
import type { CancelTimer, Moment, System } from "../ports/system.js";

/** Node fires timers of more than this at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The real clock, dice and identity of this process. */
export const system: System = {
  host: hostname(),
  pid: process.pid,
  now,
  random: () => Math.random(),
  newId: () => v7(),
  timer,
};

function now(): Moment {
  return { wallMs: Date.now(), monoMs: Number(process.hrtime.bigint()) / 1e6, bootId: bootId() };
}

function timer(delayMs: number, callback: () => void, { idle = false } = {}): CancelTimer {
  if (delayMs > LONGEST_TIMER_MS) {
    let cancel = timer(
      LONGEST_TIMER_MS,
      () => {
        cancel = timer(delayMs - LONGEST_TIMER_MS, callback, { idle });
      },
      { idle },
    );
    return () => cancel();
  }
  const handle = setTimeout(callback, delayMs);
  if (idle) handle.unref();
  return () => clearTimeout(handle);
}

let knownBootId: string | undefined;

function bootId(): string {
  knownBootId ??= readBootId();
  return knownBootId;
}

function readBootId(): string {
  try {
    if (process.platform === "linux") return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    if (process.platform === "darwin") {
      const { execFileSync } = process.getBuiltinModule("node:child_process");
      return execFileSync("/usr/sbin/sysctl", ["-n", "kern.bootsessionuuid"], { encoding: "utf8" }).trim();
    }
  } catch {
    // A sandbox may hide it. Leases then outlive a reboot by at most their own length.
  }
  return "unknown";
}
