import type { Progress } from "../../core/record.js";
import type { Outcome } from "../../core/verdict.js";
import type { LogLine } from "../../ports/broker.js";
import type { AbortReason, Job, RunRules } from "../../ports/isolation.js";
import type { EventMap, EventName } from "../../ports/plugin.js";

/** What a supervisor says to a child. */
export type ToChild =
  /** first, and once: which project to load */
  | { readonly type: "load"; readonly project: unknown }
  | { readonly type: "run"; readonly job: Job }
  | { readonly type: "abort"; readonly fence: number; readonly reason: AbortReason }
  /** the run has its place again */
  | { readonly type: "resumed"; readonly fence: number; readonly id: number }
  | Reply
  /** some tasks have ended: waiters are to look */
  | { readonly type: "settled"; readonly uuids: readonly string[] | null }
  /** something happened to a run that was made here: for the listeners of task modules */
  | { readonly type: "event"; readonly name: EventName; readonly event: EventMap[EventName] };

/** What a child says to its supervisor. */
export type FromChild =
  | { readonly type: "ready"; readonly tasks: readonly RunRules[] }
  | { readonly type: "failed"; readonly error: WireError }
  /** files of the user's that were imported, before or after it was ready */
  | { readonly type: "imported"; readonly files: readonly string[] }
  /** how many runs it has been given so far: it still listens */
  | { readonly type: "heard"; readonly runs: number }
  /** its limit counts from now; what its end by force would mean has been worked out beforehand */
  | { readonly type: "started"; readonly fence: number; readonly overtime: Outcome }
  | { readonly type: "outcome"; readonly fence: number; readonly outcome: Outcome }
  | { readonly type: "progress"; readonly fence: number; readonly progress: Progress }
  | { readonly type: "print"; readonly fence: number; readonly line: Omit<LogLine, "attempt" | "timeMs"> }
  | { readonly type: "pause"; readonly fence: number; readonly waitsFor: string }
  | { readonly type: "resume"; readonly fence: number; readonly id: number }
  /** printed by code that belongs to no run */
  | { readonly type: "stray"; readonly text: string }
  | { readonly type: "fault"; readonly where: string; readonly error: WireError }
  | { readonly type: "call"; readonly id: number; readonly verb: string; readonly args: readonly unknown[] }
  | { readonly type: "subscribe" }
  /** a listener for such events was registered here */
  | { readonly type: "hears"; readonly name: EventName };

export type Reply =
  | { readonly type: "reply"; readonly id: number; readonly value: unknown }
  | { readonly type: "reply"; readonly id: number; readonly error: WireError };

/** How a batch travels: code in a child may send things of its own over the same channel, which are no batch. */
export interface Envelope<Message> {
  readonly qtasks: readonly Message[];
}

export function readEnvelope<Message>(received: unknown): readonly Message[] {
  if (typeof received !== "object" || received === null || !("qtasks" in received)) return [];
  return Array.isArray(received.qtasks) ? (received.qtasks as readonly Message[]) : [];
}

/** An error on its way to another process. */
export interface WireError {
  readonly code: string | null;
  readonly message: string;
  readonly hint: string | null;
  readonly stack: string | null;
}

export function toWire(error: unknown): WireError {
  if (!(error instanceof Error)) return { code: null, message: String(error), hint: null, stack: null };
  const { code, hint } = error as { code?: unknown; hint?: unknown };
  return {
    code: typeof code === "string" ? code : null,
    message: error.message,
    hint: typeof hint === "string" ? hint : null,
    stack: error.stack ?? null,
  };
}

/**
 * Collects what is said in one turn of the event loop and sends it in one message: one at a time would cost more than
 * the task.
 */
export class Outbox<Message> {
  readonly #send: (batch: Envelope<Message>) => void;
  #batch: Message[] = [];

  constructor(send: (batch: Envelope<Message>) => void) {
    this.#send = send;
  }

  post(message: Message): void {
    // Not by `push`: a task that has put another one in its place would never end.
    this.#batch[this.#batch.length] = message;
    if (this.#batch.length === 1) nextTurn(() => this.flush());
  }

  /** Sends at once what has been posted: before a function that may block the loop. */
  flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#send({ qtasks: batch });
  }
}

/** As it was before any task could change it. */
const nextTurn = setImmediate;
