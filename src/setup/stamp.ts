import { lstatSync, type Stats, statSync } from "node:fs";

/** The state of a file: the stamp differs after every change that can be seen from outside. */
export interface Look {
  /** empty when there is nothing */
  readonly stamp: string;
  /** when it was changed last, in epoch milliseconds; 0 when that does not matter */
  readonly changedMs: number;
}

const NOTHING: Look = { stamp: "", changedMs: 0 };

/** Of a folder it says only which one it is: what comes and goes in it does not count. */
export function lookAt(path: string): Look {
  const stats = statsOf(path);
  if (stats === undefined) return NOTHING;
  return stats.isDirectory() ? { stamp: `folder ${stats.ino}`, changedMs: 0 } : lookOf(stats);
}

/** Of a folder: what comes and goes in it counts. */
export function lookInto(folder: string): Look {
  const stats = statsOf(folder);
  return stats === undefined ? NOTHING : lookOf(stats);
}

/** Of a link it says when that was made, not what it leads to. */
export function lookAtEntry(path: string): Look {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats === undefined ? NOTHING : lookOf(stats);
}

function lookOf({ mtimeMs, ctimeMs, size, ino }: Stats): Look {
  return { stamp: `${mtimeMs} ${ctimeMs} ${size} ${ino}`, changedMs: Math.max(mtimeMs, ctimeMs) };
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // A part of the path is a file, or may not be entered.
    return undefined;
  }
}
