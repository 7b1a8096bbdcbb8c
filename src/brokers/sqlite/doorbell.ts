import fs from "node:fs";

/**
 * Wakes other processes: they watch a small file of ours, and whoever has committed something writes one byte over
 * its first. SQLite's own files cannot be watched: they change before the commit can be seen, and touching them with
 * `fs` drops SQLite's locks. A ring that gets lost (no room, no right, no watches left) costs a waiter the wait for
 * its next safety poll, so nothing here ever throws.
 */
export class Doorbell {
  readonly #path: string;
  #descriptor: number | undefined;
  #watcher: fs.FSWatcher | undefined;
  #watchedInode: number | undefined;
  #onRing: (() => void) | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** To be called after the commit. Where nobody ever listened there is no bell, and nothing to pay. */
  ring(): void {
    try {
      if (this.#isBellThere()) fs.writeSync(this.#openDescriptor(), ONE_BYTE, 0, 1, 0);
    } catch {
      this.#closeDescriptor();
    }
  }

  /** Calls back after rings of any process, at once or a little later, until `close()`. */
  watch(onRing: () => void): void {
    this.#onRing = onRing;
    if (this.#watcher === undefined) this.#startWatching();
  }

  stopWatching(): void {
    this.#onRing = undefined;
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  close(): void {
    this.stopWatching();
    this.#closeDescriptor();
  }

  #startWatching(): void {
    try {
      fs.closeSync(openBell(this.#path));
      this.#watchedInode = inodeOf(this.#path);
      // Not persistent: whoever waits keeps the process alive by itself.
      const watcher = fs.watch(this.#path, { persistent: false }, () => this.#onEvent());
      watcher.on("error", () => watcher.close());
      this.#watcher = watcher;
    } catch {
      this.#watcher = undefined;
    }
  }

  #onEvent(): void {
    // Deleted or replaced: the watch would stay with the old file.
    if (inodeOf(this.#path) !== this.#watchedInode) {
      this.#watcher?.close();
      this.#startWatching();
    }
    this.#onRing?.();
  }

  /** A bell that was deleted is made again by those who watch it, and they take that for a ring. */
  #isBellThere(): boolean {
    if (this.#descriptor === undefined) return fs.existsSync(this.#path);
    if (fs.fstatSync(this.#descriptor).nlink > 0) return true;
    this.#closeDescriptor();
    return fs.existsSync(this.#path);
  }

  #openDescriptor(): number {
    this.#descriptor ??= openBell(this.#path);
    return this.#descriptor;
  }

  #closeDescriptor(): void {
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

const ONE_BYTE = new Uint8Array([0x0a]);

function openBell(path: string): number {
  return fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o600);
}

function inodeOf(path: string): number | undefined {
  return fs.statSync(path, { throwIfNoEntry: false })?.ino;
}
