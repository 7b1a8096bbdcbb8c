import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BrokerError } from "../../core/errors.js";

/**
 * Sees to it that a regular file is at `path`: what is there is left as it is, what is missing is made, private to
 * this user. To be called before SQLite opens the file, and never reads it: closing a descriptor of our own would
 * drop the locks that another connection of this process holds on it.
 * @returns a warning for the user, when there is something to say
 */
export async function preparePlace(path: string): Promise<string | undefined> {
  const folder = dirname(path);
  makeFolder(folder);
  ignoreInGit(folder);
  if (makeFile(path)) return undefined;
  refuseNonFile(path);
  return (await isLeftEmpty(path)) ? `${path} was an empty file: a new queue was started in it.` : undefined;
}

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

function makeFolder(folder: string): void {
  if (fs.existsSync(folder)) return;
  const outermost = fs.mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER });
  // The new names must survive a power cut as well, or the file is gone with the tasks in it.
  if (outermost !== undefined) syncFolder(dirname(outermost));
}

function ignoreInGit(folder: string): void {
  if (basename(folder) !== ".qtasks") return;
  try {
    fs.writeFileSync(join(folder, ".gitignore"), "*\n", { flag: "wx" });
  } catch {
    // It is there already, or the folder cannot be written: no reason to refuse the queue.
  }
}

/** SQLite gives the -wal and -shm files the mode of the file. False: something is there already. */
function makeFile(path: string): boolean {
  try {
    fs.closeSync(fs.openSync(path, "wx", PRIVATE_FILE));
  } catch (error) {
    if (fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined) return false;
    throw error;
  }
  syncFolder(dirname(path));
  return true;
}

function syncFolder(folder: string): void {
  const descriptor = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Opening a FIFO would hang, opening a device might do anything. */
function refuseNonFile(path: string): void {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile()) return;
  throw new BrokerError("E_BROKER", `${path} is ${kindOf(stat)}, not a queue file.`, {
    hint: "Give `broker` the path of a file, such as sqlite:.qtasks/queue.db.",
  });
}

function kindOf(stat: fs.Stats | undefined): string {
  if (stat === undefined) return "a link that leads nowhere";
  if (stat.isDirectory()) return "a folder";
  if (stat.isFIFO()) return "a named pipe";
  if (stat.isSocket()) return "a socket";
  return "a device";
}

const LOOKS = 5;
const LOOK_EVERY_MS = 20;

/** Another process that starts the queue right now leaves its file empty for a moment: that is nothing to report. */
async function isLeftEmpty(path: string): Promise<boolean> {
  for (let look = 0; look < LOOKS; look++) {
    if (fs.statSync(path).size > 0) return false;
    await sleep(LOOK_EVERY_MS);
  }
  return true;
}
