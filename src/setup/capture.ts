import { format } from "node:util";
import { currentScope } from "../engine/charge.js";

/** This process's own way to its streams, which user code cannot disturb. */
export interface OwnStreams {
  out(text: string): void;
  err(text: string): void;
}

export interface Captured {
  /** printed by code that belongs to no run: a module while it is imported, say */
  stray(stream: "stdout" | "stderr", text: string, own: OwnStreams): void;
}

/**
 * Takes over what user code prints: what belongs to a run goes to that run, by `AsyncLocalStorage`, the rest to
 * `stray`. To be called once, before any user code is imported.
 */
export function captureOutput({ stray }: Captured): OwnStreams {
  const out = process.stdout.write.bind(process.stdout);
  const err = process.stderr.write.bind(process.stderr);
  const own: OwnStreams = { out: (text) => void out(text), err: (text) => void err(text) };
  for (const stream of ["stdout", "stderr"] as const) {
    process[stream].write = divert((text) => {
      const scope = currentScope();
      if (scope === undefined) stray(stream, text, own);
      else scope.host.print({ stream, text: text.replace(/\n$/, "") });
    });
  }
  return own;
}

type StreamWrite = typeof process.stdout.write;

function divert(take: (text: string) => void): StreamWrite {
  const write = (chunk: unknown, encoding?: unknown, callback?: unknown): boolean => {
    take(toText(chunk, encoding));
    const done = typeof encoding === "function" ? encoding : callback;
    if (typeof done === "function") process.nextTick(done);
    return true;
  };
  return write as StreamWrite;
}

function toText(chunk: unknown, encoding: unknown): string {
  if (typeof chunk === "string") {
    const isBinary = encoding === "hex" || encoding === "base64";
    return isBinary ? Buffer.from(chunk, encoding).toString() : chunk;
  }
  return chunk instanceof Uint8Array ? Buffer.from(chunk).toString() : format(chunk);
}
