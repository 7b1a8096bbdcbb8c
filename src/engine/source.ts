import { fileURLToPath } from "node:url";
import type { TaskSource } from "../ports/execution.js";

const OWN_FILES = new URL("..", import.meta.url).href;
/** More than there are of ours in a row; each costs a look into a source map, at every registration. */
const OWN_DEPTH = 10;
const PLACE = /\(?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*?):(\d+):\d+\)?$/;

/** Where the code outside this package stands that called in. Source maps count, so it is the line that was written. */
export function callerSource(): TaskSource {
  const depth = Error.stackTraceLimit;
  Error.stackTraceLimit = OWN_DEPTH;
  const { stack = "" } = new Error();
  Error.stackTraceLimit = depth;
  for (const line of stack.split("\n").slice(1)) {
    const [, place, number] = PLACE.exec(line.trim()) ?? [];
    if (place === undefined || isOwn(place)) continue;
    return {
      file: place.startsWith("file:") ? fileURLToPath(withoutQuery(place)) : withoutQuery(place),
      line: Number(number),
    };
  }
  return { file: "unknown", line: 0 };
}

export function showSource(source: TaskSource): string {
  return source.line === 0 ? source.file : `${source.file}:${source.line}`;
}

function isOwn(place: string): boolean {
  const url = place.startsWith("file:") ? place : `file://${place}`;
  return url.startsWith(OWN_FILES);
}

/** tsx names modules with a query such as `?namespace=1`. */
function withoutQuery(place: string): string {
  return place.replace(/\?.*$/, "");
}
