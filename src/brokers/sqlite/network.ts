import fs from "node:fs";
import { BrokerError } from "../../core/errors.js";

/** `f_type` of statfs(2) on Linux, and what is there. Locks and shared memory do not work across machines on these. */
const NETWORK_TYPES: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x517b, "SMB"],
  [0x564c, "NCP"],
  [0x5346414f, "AFS"],
  [0x6b414653, "AFS"],
  [0x73757245, "Coda"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
]);

/** All file systems in user space have this type; only the table of mounts says which one it is. */
const FUSE = 0x65735546;

const NETWORK_IN_USER_SPACE =
  /^fuse\.(sshfs|s3fs|rclone|gcsfuse|glusterfs|cephfs|curlftpfs|davfs2?|smbnetfs|nfs\w*)$/;

/**
 * The name of the network file system, or undefined when it is none that can be told.
 * @param type as `fs.statfsSync` gives it; a 32-bit system gives it as a signed number
 * @param mountType looked up only where the type does not tell
 */
export function networkFileSystem(type: number, mountType: () => string | undefined): string | undefined {
  const unsigned = type >>> 0;
  if (unsigned !== FUSE) return NETWORK_TYPES.get(unsigned);
  return NETWORK_IN_USER_SPACE.exec(mountType() ?? "")?.[1];
}

/** @throws {BrokerError} where the file or folder at `place` is on a network file system */
export function refuseNetwork(place: string): void {
  // Elsewhere the numbers mean other things.
  if (process.platform !== "linux") return;
  const found = networkFileSystem(typeOf(place), () => mountTypeOf(place));
  if (found === undefined) return;
  throw new BrokerError("E_BROKER", `${place} is on a network file system (${found}).`, {
    hint: "Put the queue on a local disk: `broker` in qtasks.config.ts. Locks that fail there would lose tasks.",
  });
}

function typeOf(place: string): number {
  try {
    return fs.statfsSync(place).type;
  } catch {
    // A sandbox may forbid to ask.
    return 0;
  }
}

function mountTypeOf(place: string): string | undefined {
  try {
    return mountTypeIn(fs.readFileSync("/proc/self/mountinfo", "utf8"), fs.realpathSync(place));
  } catch {
    return undefined;
  }
}

/** @param table in the form of /proc/self/mountinfo; of two mounts at one place the later one is on top */
export function mountTypeIn(table: string, place: string): string | undefined {
  let best: { readonly point: string; readonly type: string } | undefined;
  for (const line of table.split("\n")) {
    const [mount = "", source = ""] = line.split(" - ");
    const point = (mount.split(" ")[4] ?? "").replace(/\\(\d{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const [type = ""] = source.split(" ");
    if (point === "" || !isWithin(place, point)) continue;
    if (best === undefined || point.length >= best.point.length) best = { point, type };
  }
  return best?.type;
}

function isWithin(place: string, point: string): boolean {
  return point === "/" || place === point || place.startsWith(`${point}/`);
}
