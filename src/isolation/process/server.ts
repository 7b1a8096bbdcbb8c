import type { AbortReason, Attempts, Job, RunHost } from "../../ports/isolation.js";
import { OutputCap } from "../output.js";
import { StopOrderOnce } from "../stopOrder.js";
import type { FromChild, Outbox, ToChild } from "./protocol.js";

export interface ServerParts {
  readonly attempts: Attempts;
  readonly outbox: Outbox<FromChild>;
  /** bytes kept of what one attempt prints */
  readonly outputLimit: number;
  abortError(taskName: string, reason: AbortReason): Error;
}

/** The child's side: makes the attempts that the supervisor asks for. Limits and fates are the supervisor's. */
export class ChildServer {
  readonly #parts: ServerParts;
  readonly #runs = new Map<number, ServedRun>();

  constructor(parts: ServerParts) {
    this.#parts = parts;
  }

  receive(message: Extract<ToChild, { type: "run" | "abort" | "resumed" }>): void {
    if (message.type === "run") void this.#run(message.job);
    else if (message.type === "abort") this.#runs.get(message.fence)?.abort(message.reason);
    else this.#runs.get(message.fence)?.resumed(message.id);
  }

  async #run(job: Job): Promise<void> {
    const { attempts, outbox } = this.#parts;
    const { fence } = job.lease;
    const run = new ServedRun(job, this.#parts);
    this.#runs.set(fence, run);
    if (job.maxTimeMs !== null) {
      outbox.post({ type: "started", fence, overtime: attempts.aftermath(job, { kind: "overtime" }) });
      // The function may block the loop from its first line on.
      outbox.flush();
    }
    const outcome = await attempts.run(job, run.stop, run);
    this.#runs.delete(fence);
    run.end();
    outbox.post({ type: "outcome", fence, outcome });
  }
}

class ServedRun implements RunHost {
  readonly stop = new StopOrderOnce();
  readonly #job: Job;
  readonly #parts: ServerParts;
  readonly #output: OutputCap;
  readonly #resumes = new Map<number, () => void>();
  #lastId = 0;

  constructor(job: Job, parts: ServerParts) {
    this.#job = job;
    this.#parts = parts;
    const { fence } = job.lease;
    this.#output = new OutputCap(parts.outputLimit, (line) =>
      parts.outbox.post({ type: "print", fence, line }),
    );
  }

  abort(reason: AbortReason): void {
    this.stop.give(this.#parts.abortError(this.#job.taskName, reason));
  }

  progress(progress: Parameters<RunHost["progress"]>[0]): void {
    this.#parts.outbox.post({ type: "progress", fence: this.#job.lease.fence, progress });
  }

  print(line: Parameters<RunHost["print"]>[0]): void {
    this.#output.add(line);
  }

  pause(waitsFor: string): void {
    this.#parts.outbox.post({ type: "pause", fence: this.#job.lease.fence, waitsFor });
  }

  resume(): Promise<void> {
    const id = ++this.#lastId;
    this.#parts.outbox.post({ type: "resume", fence: this.#job.lease.fence, id });
    return new Promise((resolve) => this.#resumes.set(id, resolve));
  }

  resumed(id: number): void {
    this.#resumes.get(id)?.();
    this.#resumes.delete(id);
  }

  /** The supervisor aborts by itself and knows. */
  stopping(): void {}

  end(): void {
    this.#output.end();
  }
}
