import fs from "node:fs";
import { basename, dirname } from "node:path";
import { type Finding, failed, sound, wrong } from "../../core/finding.js";
import { showSize } from "../../core/size.js";
import { refuseNetwork } from "./network.js";
import { refuseNonFile } from "./place.js";

/** Less room than this is soon gone: the log beside the file may take this much by itself. */
const LEAST_FREE_BYTES = 64 * 2 ** 20;
const OF_OTHERS = 0o077;
const WRITE_OF_OTHERS = 0o022;

/** Folder and file as the file system sees them. Only asks for their state: reading would drop SQLite's locks. */
export function diagnosePlace(path: string): readonly Finding[] {
  const folder = dirname(path);
  const place = nearest(folder);
  return [
    look("file system", () => fileSystem(place, path)),
    look("free space", () => freeSpace(place)),
    look("folder", () => folderRights(folder, place)),
    look("file", () => fileRights(path)),
  ];
}

function look(check: string, see: () => Finding): Finding {
  try {
    return see();
  } catch (error) {
    return failed(check, error);
  }
}

/** The folder, or the first above it that exists. */
function nearest(folder: string): string {
  return exists(folder) || folder === dirname(folder) ? folder : nearest(dirname(folder));
}

function fileSystem(place: string, path: string): Finding {
  refuseNetwork(place);
  if (exists(path)) refuseNetwork(path);
  return sound("file system", `${place} is on none that is known to be a network's`);
}

function freeSpace(place: string): Finding {
  const { bavail, bsize, blocks } = fs.statfsSync(place);
  if (blocks === 0) return sound("free space", `${place} does not tell`);
  const free = bavail * bsize;
  if (free >= LEAST_FREE_BYTES) return sound("free space", showSize(free));
  return wrong(
    "free space",
    `${showSize(free)} are left`,
    "Make room: on a full disk nothing can be queued.",
  );
}

function folderRights(folder: string, place: string): Finding {
  const stat = fs.statSync(place);
  if (!stat.isDirectory())
    return wrong("folder", `${place} is no folder`, "Give `broker` another path, or move it away.");
  if (!isWritable(place)) {
    const hint = "Give this user the right to write it, on a file system that is not read-only.";
    return wrong("folder", `${place} cannot be written`, hint);
  }
  if (place !== folder) return sound("folder", `${folder} is not there yet; it is made when it is needed`);
  // One that is not ours alone may be read by others, as long as they cannot put another file in the queue's place.
  const unwanted = basename(folder) === ".qtasks" ? OF_OTHERS : WRITE_OF_OTHERS;
  if ((stat.mode & unwanted) === 0) return sound("folder", `${folder} (${octal(stat)})`);
  return wrong("folder", `${folder} is open to other users (${octal(stat)})`, `chmod 700 ${folder}`);
}

function fileRights(path: string): Finding {
  if (!exists(path))
    return sound("file", `${path} is not there yet; the first command that needs it makes it`);
  const stat = refuseNonFile(path);
  if (stat.size === 0) {
    const hint = "If it held a queue, restore a backup. Else leave it: a new queue is started in it.";
    return wrong("file", `${path} is empty`, hint);
  }
  if (!isWritable(path)) {
    const hint = "Give this user the right to write it, on a file system that is not read-only.";
    return wrong("file", `${path} cannot be written`, hint);
  }
  if ((stat.mode & OF_OTHERS) !== 0) {
    return wrong("file", `${path} is open to other users (${octal(stat)})`, `chmod 600 ${path}*`);
  }
  return sound("file", `${path} (${octal(stat)}, ${showSize(stat.size)})`);
}

/** A link that leads nowhere is there too. */
export function exists(path: string): boolean {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // Something on the way there is no folder, or is closed to this user.
    return false;
  }
}

function isWritable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.R_OK | fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function octal({ mode }: fs.Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
