import { type ChildProcess, fork } from "node:child_process";
import type { Readable } from "node:stream";
import type { System } from "../../ports/system.js";
import type { Assignment } from "./assignment.js";
import { type FromChild, Outbox, readEnvelope, type ToChild } from "./protocol.js";

/** After a child's exit its last messages may still be on their way; so long they are waited for. */
const DRAIN_MS = 300;
/** A child that has nothing else to do has heard of a run long before. */
const DEAF_MS = 10_000;
/** Where all was frozen and has just been woken, its word may be on its way. */
const LATE_WORD_MS = 2000;

export interface ChildEvents {
  message(child: Child, message: FromChild): void;
  /** It is gone, with its whole group, and nothing more will come from it. `how` is for people. */
  gone(child: Child, how: string): void;
  /** printed past every capture, by native code or by a process that a task started */
  printed(text: string): void;
}

/** One child process, the leader of a process group of its own, as the supervisor sees it. */
export class Child {
  readonly pid: number;
  /** what runs in it, by claim number */
  readonly runs = new Map<number, Assignment>();
  state: "starting" | "ready" | "gone" = "starting";
  /** takes no more runs and is ended once it has none */
  isRetiring = false;
  /** of code that was loaded anew elsewhere: it only finishes what it has */
  isOutdated = false;
  /** takes no more runs until a blocking one has had it */
  isReserved = false;
  /** how many runs it was given */
  served = 0;
  /** how many of them it has acknowledged */
  heard = 0;
  /** listeners in it */
  readonly hears = new Set<string>();
  isKilled = false;
  #active = 0;
  #occupying = 0;
  readonly #process: ChildProcess;
  readonly #outbox: Outbox<ToChild>;
  readonly #system: System;
  readonly #events: ChildEvents;
  #exit: string | undefined;
  #isListenedFor = false;

  constructor(entry: string, project: unknown, system: System, events: ChildEvents) {
    this.#system = system;
    this.#events = events;
    // A group of its own: a terminal's Ctrl-C does not reach it, and one signal ends it with all that it started.
    // The fifth descriptor is the watchdog's lifeline.
    const child = fork(entry, [], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "ipc", "pipe"],
      execArgv: [],
    });
    this.#process = child;
    this.pid = child.pid ?? 0;
    this.#outbox = new Outbox((envelope) => {
      if (child.connected) child.send(envelope, () => {});
    });
    child.on("message", (received) => {
      for (const message of readEnvelope<FromChild>(received)) events.message(this, message);
    });
    child.on("error", () => this.#exited("it could not be started"));
    child.on("exit", (code, signal) =>
      this.#exited(signal === null ? `exit code ${code}` : `signal ${signal}`),
    );
    child.on("disconnect", () => this.#finishWhenExited());
    for (const stream of [child.stdout, child.stderr]) this.#forward(stream);
    this.post({ type: "load", project });
  }

  /** Nothing ran in it yet, so nothing that an earlier run left behind can end it. */
  get isFresh(): boolean {
    return this.served === 0;
  }

  /** runs that are not waiting for another task */
  get active(): number {
    return this.#active;
  }

  /** A run that must have the process for itself is going on. */
  get isOccupied(): boolean {
    return this.#occupying > 0;
  }

  give(run: Assignment): void {
    this.runs.set(run.fence, run);
    this.#count(run, 1);
    if (run.isAlone) this.#occupying += 1;
    this.served += 1;
    for (const told of run.early) if (this.hears.has(told.name)) this.post(told);
    this.post({ type: "run", job: run.job });
    if (!this.#isListenedFor) this.#listenFor();
  }

  /** The run waits for another task. */
  pause(run: Assignment, waitsFor: string): void {
    const wasPaused = run.isPaused;
    run.pause(waitsFor);
    if (!wasPaused) this.#count(run, -1);
  }

  /** Resolves once the run has its place again. */
  async resume(run: Assignment): Promise<void> {
    await run.resume();
    if (!run.isPaused && this.runs.has(run.fence)) this.#count(run, 1);
  }

  /** The run is over. */
  release(run: Assignment): void {
    this.runs.delete(run.fence);
    if (!run.isPaused) this.#count(run, -1);
    if (run.isAlone) this.#occupying -= 1;
  }

  /** One that must be alone keeps the process for itself also while it waits. */
  #count(run: Assignment, change: 1 | -1): void {
    this.#active += change;
    if (run.isBlocking && !run.isAlone) this.#occupying += change;
  }

  /**
   * A task may leave a process behind that hears nothing any more, and no limit counts before a run has begun. One that
   * has begun may keep the process busy, and is waited for.
   */
  #listenFor(): void {
    const waitsInVain = () => this.runs.size > 0 && this.runs.size <= this.served - this.heard;
    this.#isListenedFor = true;
    this.#system.timer(
      DEAF_MS,
      () => {
        this.#isListenedFor = false;
        if (this.heard === this.served) return;
        if (!waitsInVain()) return this.#listenFor();
        this.#system.timer(LATE_WORD_MS, () => waitsInVain() && this.kill(), { idle: true });
      },
      { idle: true },
    );
  }

  post(message: ToChild): void {
    this.#outbox.post(message);
  }

  /** Ends it at once, with its whole group. */
  kill(): void {
    this.isKilled = true;
    killGroup(this.pid);
  }

  /** Lets it end by itself, and ends it when it does not. */
  close(graceMs: number): void {
    if (this.#process.connected) this.#process.disconnect();
    this.#system.timer(graceMs, () => this.kill(), { idle: true });
  }

  #forward(stream: Readable | null): void {
    stream?.setEncoding("utf8").on("data", (text: string) => this.#events.printed(text));
  }

  #exited(how: string): void {
    if (this.#exit !== undefined) return;
    this.#exit = how;
    this.isRetiring = true;
    // What the child started may still be there.
    killGroup(this.pid);
    if (this.#process.connected) this.#system.timer(DRAIN_MS, () => this.#finish(), { idle: true });
    else this.#finish();
  }

  #finishWhenExited(): void {
    this.isRetiring = true;
    if (this.#exit !== undefined) this.#finish();
    // It has closed the channel and lives on: nobody can talk to it any more. That is its own doing, no kill of ours.
    else this.#system.timer(DRAIN_MS, () => killGroup(this.pid), { idle: true });
  }

  #finish(): void {
    if (this.state === "gone") return;
    this.state = "gone";
    this.#events.gone(this, this.#exit ?? "");
  }
}

function killGroup(pid: number): void {
  if (pid === 0) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left in it.
  }
}
