import fs from "node:fs";
import { pathToFileURL } from "node:url";
import type { Database, Driver } from "./driver.js";

/**
 * Opens a file that is there, for reading, and leaves no trace. Even a connection that only reads makes a log and an
 * index of it beside the file, where there are none: nobody has the file open then, so it can be read as one that never
 * changes.
 */
export function openToLook(driver: Driver, path: string): Database {
  const place = fs.existsSync(`${path}-wal`) ? path : `${pathToFileURL(path).href}?immutable=1`;
  return driver.connect(place, { readOnly: true });
}
