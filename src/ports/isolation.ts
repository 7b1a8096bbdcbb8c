import type { Progress } from "../core/record.js";
import type { Backoff } from "../core/retry.js";
import type { Outcome } from "../core/verdict.js";
import type { Claim, LogLine } from "./broker.js";
import type { EventMap, EventName } from "./plugin.js";

/** Why a run is stopped from outside. */
export type AbortReason =
  | { readonly kind: "overtime" }
  | { readonly kind: "cancel"; readonly reason: string; readonly urgent?: true }
  /** urgent: the worker was told twice, and its end is near */
  | { readonly kind: "shutdown"; readonly urgent?: true }
  /** another claim is newer: whatever it comes to is thrown away */
  | { readonly kind: "lost" };

/** One run as it is handed over: what the claim left open comes from the task's facts. */
export interface Job extends Claim {
  readonly retry: number;
  /** counted from the start of the function; null for no limit */
  readonly maxTimeMs: number | null;
}

/** How a task's runs are to be treated, where its code is not loaded. */
export interface RunRules {
  readonly name: string;
  readonly retry: number;
  readonly maxTimeMs: number | null;
  /** a plain function: it blocks its process, so nothing else is to run there meanwhile */
  readonly blocking: boolean;
  /** pauses between attempts, where they are data; null where a function of the task's works them out */
  readonly backoff: Backoff | null;
}

/** How many more runs can be taken now. */
export interface Room {
  readonly shared: number;
  /** of tasks that are `blocking` */
  readonly blocking: number;
}

/** What a run says while it goes on, to whoever handed it over. */
export interface RunHost {
  progress(progress: Progress): void;
  print(line: Omit<LogLine, "attempt" | "timeMs">): void;
  /** The run waits for that task from now on; its place is free for others until `resume`. */
  pause(waitsFor: string): void;
  /** Resolves once the run has a place again. */
  resume(): Promise<void>;
  /** The isolation aborts the run by itself: its `maxTime` is over. */
  stopping(reason: AbortReason): void;
}

/** Where and how runs are kept apart from the worker and from each other. */
export interface Isolation {
  readonly kind: "inline" | "process";
  /**
   * Resolves to the tasks that can be run here, rejects when their code cannot be loaded.
   * @param roomChanged called when there may be more room
   */
  open(roomChanged: () => void): Promise<readonly RunRules[]>;
  room(): Room;
  /** Never rejects. Resolves at the latest `killGrace` after the run was aborted or its `maxTime` was over. */
  run(job: Job, host: RunHost): Promise<Outcome>;
  /** Aborts the run of that claim; nothing happens where it has ended. */
  abort(fence: number, reason: AbortReason): void;
  /** Takes an event of a run to the listeners where it ran. */
  tell<Name extends EventName>(fence: number, name: Name, event: EventMap[Name]): void;
  /**
   * Loads the code anew: runs from now on are made with it, those that go on are finished with the old. Resolves to the
   * tasks that can be run now; rejects when it cannot be loaded, and then nothing has changed. Missing where code cannot
   * be unloaded.
   */
  reload?(): Promise<readonly RunRules[]>;
  close(): Promise<void>;
}

/** Whether a run has been told to end, and why. */
export interface StopOrder {
  readonly isGiven: boolean;
  readonly reason: Error | undefined;
  /** aborted with the reason once the order is given */
  readonly signal: AbortSignal;
}

/** Makes one attempt in this process, with the user's code. Implemented by the engine, used by isolations. */
export interface Attempts {
  readonly facts: readonly RunRules[];
  /** Never rejects; an attempt that was told to end resolves to what that means, whatever the function returned. */
  run(job: Job, stop: StopOrder, host: RunHost): Promise<Outcome>;
  /** What a run that was stopped for good means, worked out without it. */
  aftermath(job: Job, reason: AbortReason): Outcome;
}
