import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { serverVersions } from "../lib/servers.mjs";

/** Where and with what it was measured. */
export function machine() {
  const cpus = os.cpus();
  return [
    `${cpus.length} cores${cpus[0] === undefined ? "" : ` (${cpus[0].model.trim()})`}, ${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    `${os.type()} ${os.release()}, temporary files on ${fileSystem()}`,
    `Node ${process.versions.node}`,
    `qtasks ${ownVersion()}`,
    ...serverVersions(),
    `load when it ended (1, 5, 15 minutes): ${os
      .loadavg()
      .map((load) => load.toFixed(1))
      .join(", ")}`,
  ];
}

function fileSystem() {
  const words = ["-f", "-c", "%T", os.tmpdir()];
  return execFileSync("stat", words, { encoding: "utf8" }).trim();
}

function ownVersion() {
  const root = new URL("../../", import.meta.url);
  const { version } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
  try {
    const words = ["describe", "--always", "--dirty", "--exclude", "*"];
    const commit = execFileSync("git", words, {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return `${version} (${commit.trim()})`;
  } catch {
    return version; // no clone
  }
}
