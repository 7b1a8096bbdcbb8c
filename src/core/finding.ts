import { QTasksError } from "./errors.js";

/** What a look at one thing came to: a line of `qtasks doctor`. */
export interface Finding {
  /** what was looked at, in a word or two */
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  /** what to do about it */
  readonly hint: string | null;
}

export function sound(check: string, detail: string): Finding {
  return { check, ok: true, detail, hint: null };
}

export function wrong(check: string, detail: string, hint: string): Finding {
  return { check, ok: false, detail, hint };
}

/** An error as the finding of the check that met it. */
export function failed(check: string, error: unknown): Finding {
  const detail = error instanceof Error ? error.message : String(error);
  return { check, ok: false, detail, hint: (error instanceof QTasksError && error.hint) || null };
}
