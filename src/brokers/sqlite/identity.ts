import fs from "node:fs";
import { BrokerError } from "../../core/errors.js";

/**
 * Remembers which file was opened. A deleted or replaced file goes on to "work" for whoever has it open: its tasks
 * would be stored where nobody ever looks. Only `stat` is used: reading the file would drop SQLite's locks.
 */
export class FileIdentity {
  readonly #path: string;
  readonly #device: number;
  readonly #inode: number;

  constructor(path: string) {
    const { dev, ino } = fs.statSync(path);
    this.#path = path;
    this.#device = dev;
    this.#inode = ino;
  }

  /** @throws {BrokerError} `E_BROKER_REPLACED` when another file, or none, is at the path now */
  check(): void {
    const stat = fs.statSync(this.#path, { throwIfNoEntry: false });
    if (stat?.dev === this.#device && stat.ino === this.#inode) return;
    const what = stat === undefined ? "was deleted or moved" : "was replaced by another file";
    throw new BrokerError("E_BROKER_REPLACED", `${this.#path} ${what} while it was open.`, {
      hint: "Start again; to move a queue, stop its workers first.",
    });
  }
}
