import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { BrokerError } from "../../core/errors.js";
import type { Driver } from "./driver.js";
import { refuseNetwork } from "./network.js";
import { APPLICATION_ID } from "./schema.js";

/**
 * Sees to it that a regular file is at `path`: what is there is left as it is, what is missing is made, private to
 * this user. To be called before SQLite opens the file, and never reads it: closing a descriptor of our own would
 * drop the locks that another connection of this process holds on it.
 * @returns a warning for the user, when there is something to say
 */
export function preparePlace(driver: Driver, path: string): string | undefined {
  const folder = dirname(path);
  makeFolder(folder);
  refuseNetwork(folder);
  ignoreInGit(folder);
  if (fs.lstatSync(path, { throwIfNoEntry: false }) === undefined) makeFile(driver, path);
  const stat = refuseNonFile(path);
  // It may be a link that leads there.
  refuseNetwork(path);
  return stat.size === 0 ? `${path} was an empty file: a new queue was started in it.` : undefined;
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

/**
 * The file appears under its name with our mark in it, so that an empty one is always somebody else's. SQLite gives the
 * -wal and -shm files the mode of the file.
 */
function makeFile(driver: Driver, path: string): void {
  const draft = `${path}-${process.pid}-new`;
  fs.closeSync(fs.openSync(draft, "w", PRIVATE_FILE));
  try {
    const db = driver.connect(draft, { readOnly: false });
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.close();
    giveName(draft, path);
  } finally {
    fs.rmSync(draft, { force: true });
  }
  syncFolder(dirname(path));
}

/** A link, unlike a renaming, leaves alone what another process has put there in the meantime. */
function giveName(draft: string, path: string): void {
  try {
    fs.linkSync(draft, path);
  } catch (error) {
    if (fs.existsSync(path)) return;
    if (!isWithoutLinks(error)) throw error;
    fs.renameSync(draft, path);
  }
}

function isWithoutLinks(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EPERM" || error.code === "ENOTSUP");
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
export function refuseNonFile(path: string): fs.Stats {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile()) return stat;
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
