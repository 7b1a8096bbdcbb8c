import { isQTasksError } from "../core/errors.js";
import type { Stage } from "./stage.js";
import { escapeControls } from "./ui/escape.js";

/** `error:` and `hint:` on stderr, and with `--json` one document on stdout. A stack only with `--verbose`. */
export function reportError(stage: Stage, error: unknown, { document = true } = {}): void {
  const { message, hint } = describeError(error);
  stage.error(message, hint);
  if (stage.verbose && error instanceof Error) stage.err(escapeControls(stackOf(error)));
  if (stage.json && document) stage.document(errorDocument(error));
}

/** Something went wrong beside what the command does: it goes on. */
export function reportFault(stage: Stage, where: string, error: unknown): void {
  stage.warn(`${where} failed: ${describeError(error).message}`);
  if (stage.verbose && error instanceof Error) stage.err(escapeControls(stackOf(error)));
}

/** What `--json` prints where there is no other answer. */
export function errorDocument(error: unknown) {
  const { code, message, hint } = describeError(error);
  return { error: { code, message, hint: hint ?? null } };
}

function describeError(error: unknown): { code: string; message: string; hint: string | undefined } {
  if (isQTasksError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code =
    error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "E_INTERNAL";
  return { code, message, hint: "This was not expected. --verbose shows the whole stack." };
}

function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by: ${stackOf(error.cause)}` : own;
}
