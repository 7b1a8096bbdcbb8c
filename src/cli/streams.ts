import { captureOutput, type OwnStreams } from "../setup/capture.js";
import { escapeControls } from "./ui/escape.js";

/** Keeps stdout for the answer: what a module prints while it is imported goes to stderr. */
export function ownStreams(): OwnStreams {
  return captureOutput({
    stray: (stream, text, own) => own.err(stream === "stdout" ? escapeControls(text) : text),
  });
}

export type { OwnStreams };
