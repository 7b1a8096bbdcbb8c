import { format } from "node:util";
import { currentScope } from "../engine/charge.js";
import { escapeControls } from "./ui/escape.js";

type Write = (text: string) => void;

/** This process's own way to its streams, which user code cannot disturb. */
export interface OwnStreams {
  readonly out: Write;
  readonly err: Write;
}

/**
 * Keeps stdout for the answer: what user code prints goes to the run it belongs to, or to stderr where it belongs to
 * none (a module that prints while it is imported). Called once, before any user code is imported.
 */
export function ownStreams(): OwnStreams {
  const out = process.stdout.write.bind(process.stdout);
  const err = process.stderr.write.bind(process.stderr);
  const toStderr = (text: string) => void err(escapeControls(text));
  process.stdout.write = divert("stdout", toStderr);
  process.stderr.write = divert("stderr", (text) => void err(text));
  return { out: (text) => void out(text), err: (text) => void err(text) };
}

type StreamWrite = typeof process.stdout.write;

function divert(stream: "stdout" | "stderr", otherwise: Write): StreamWrite {
  const write = (chunk: unknown, encoding?: unknown, callback?: unknown): boolean => {
    const text = toText(chunk, encoding);
    const scope = currentScope();
    if (scope === undefined) otherwise(text);
    else scope.host.print({ stream, text: text.replace(/\n$/, "") });
    const done = typeof encoding === "function" ? encoding : callback;
    if (typeof done === "function") process.nextTick(done);
    return true;
  };
  return write as StreamWrite;
}

function toText(chunk: unknown, encoding: unknown): string {
  if (typeof chunk === "string") {
    return encoding === "hex" || encoding === "base64" ? Buffer.from(chunk, encoding).toString() : chunk;
  }
  return chunk instanceof Uint8Array ? Buffer.from(chunk).toString() : format(chunk);
}
