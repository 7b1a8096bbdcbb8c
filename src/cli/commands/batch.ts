import { BrokerError, isQTasksError, QTasksError } from "../../core/errors.js";
import type { TaskFacts } from "../../core/facts.js";
import type { App } from "../../engine/app.js";
import type { Call } from "../../engine/client.js";
import { exactJson } from "../args.js";
import { type Line, linesOf, NOTHING_QUEUED } from "../batch/lines.js";
import { type BatchSource, openBatch } from "../batch/source.js";
import { callOptions } from "../callFlags.js";
import { EXIT } from "../exit.js";
import { checkArity } from "../input/params.js";
import type { TaskWords } from "../input/words.js";
import { onSignals, signalCode } from "../interrupt.js";
import { rememberLast } from "../lastId.js";
import type { TaskSession } from "../taskSession.js";
import { type ProgressBar, startProgressBar } from "../ui/progressBar.js";
import { hintIfUnserved } from "../unserved.js";
import { UsageError } from "../usage.js";

/** Of one piece, whichever is reached first. */
const PIECE_CALLS = 500;
const PIECE_BYTES = 1024 * 1024;

/** JSON may write each byte of a text as six, and stand in spaces. */
const LINE_BYTES_PER_PAYLOAD = 6;
const LINE_BYTES_MORE = 1024 * 1024;

const REPORT_EVERY = 500;

/**
 * Queues a call for each line. All lines are checked before the first is stored, which is why they are read twice:
 * they never are in memory together.
 */
export async function callBatch(session: TaskSession, taskName: string, words: TaskWords): Promise<number> {
  const { stage, app, project, tasks } = session;
  const { batch = "-" } = words.flags;
  refuseBeside(words);
  const options = callOptions(words.flags);
  const leaving = new AbortController();
  let code: number = EXIT.ok;
  const stopListening = onSignals((signal) => {
    code = signalCode(signal);
    leaving.abort();
  });
  const progress = await startProgressBar(stage, "reading");
  const run = new BatchRun(app, tasks.get(taskName), { taskName, options }, progress, leaving.signal);
  try {
    const source = await openBatch(batch, leaving.signal);
    await run.check(source);
    await run.queue(source);
    await source.close();
  } catch (error) {
    if (!leaving.signal.aborted) throw run.explain(error);
  } finally {
    progress.stop();
    stopListening();
    if (run.lastId !== undefined) rememberLast(project.root, run.lastId);
  }
  if (code === EXIT.ok) await hintIfUnserved(session, taskName);
  else stage.error(`Interrupted. ${run.soFar()}`, undefined);
  if (stage.json) stage.document({ queued: run.queued });
  else stage.answer(String(run.queued));
  return code;
}

/** What a batch would ignore without a word. */
function refuseBeside({ words, literal, given, flags }: TaskWords): void {
  if (words.length + literal.length + given.length > 0 || flags.args !== undefined)
    throw new UsageError("Arguments were given beside --batch.", "Its lines are the arguments.");
  if (flags.timeout !== undefined)
    throw new UsageError("--batch does not wait for results.", "Leave --timeout out.");
}

class BatchRun {
  readonly #app: App;
  readonly #task: TaskFacts | undefined;
  readonly #call: Omit<Call, "args">;
  readonly #progress: ProgressBar;
  readonly #signal: AbortSignal;
  readonly #mostBytes: number;
  #lines = 0;
  #lastLine = 0;
  queued = 0;
  lastId: string | undefined;

  constructor(
    app: App,
    task: TaskFacts | undefined,
    call: Omit<Call, "args">,
    progress: ProgressBar,
    signal: AbortSignal,
  ) {
    this.#app = app;
    this.#task = task;
    this.#call = call;
    this.#progress = progress;
    this.#signal = signal;
    this.#mostBytes = app.config.maxPayload * LINE_BYTES_PER_PAYLOAD + LINE_BYTES_MORE;
  }

  /** @throws {UsageError} naming the first line that cannot be queued */
  async check(source: BatchSource): Promise<void> {
    for await (const line of linesOf(source.read(), this.#mostBytes)) {
      this.#signal.throwIfAborted();
      await this.#named(line, async () => await this.#app.checkCall(this.#callOf(line)));
      this.#lines += 1;
      if (this.#lines % REPORT_EVERY === 0) this.#show("checking", line, source, this.#lines);
    }
  }

  async queue(source: BatchSource): Promise<void> {
    let piece: Call[] = [];
    let bytes = 0;
    const put = async (last: Line) => {
      const tasks = await this.#app.addTasks(piece);
      this.queued += tasks.length;
      this.lastId = tasks.at(-1)?.uuid;
      this.#lastLine = last.number;
      [piece, bytes] = [[], 0];
      this.#show("queueing", last, source, this.queued);
    };
    let last: Line | undefined;
    for await (const line of linesOf(source.read(), this.#mostBytes)) {
      this.#signal.throwIfAborted();
      piece.push(this.#callOf(line));
      bytes += line.text.length;
      last = line;
      if (piece.length >= PIECE_CALLS || bytes >= PIECE_BYTES) await put(line);
    }
    if (last !== undefined && piece.length > 0) await put(last);
  }

  soFar(): string {
    if (this.queued === 0) return "Nothing was queued.";
    return `${this.queued} of ${this.#lines} were queued: those up to line ${this.#lastLine}.`;
  }

  /** An error in the middle leaves what was queued before it. */
  explain(error: unknown): unknown {
    if (this.queued === 0 || !isQTasksError(error)) return error;
    const message = `${error.message} ${this.soFar()}`;
    return new QTasksError(error.code, message, { hint: error.hint, cause: error });
  }

  /** A line is the list of arguments, or the one object. */
  #callOf({ text }: Line): Call {
    const value = exactJson(text);
    const args = Array.isArray(value) ? value : [value];
    checkArity(this.#task, args);
    return { ...this.#call, args };
  }

  async #named(line: Line, check: () => Promise<void>): Promise<void> {
    try {
      await check();
    } catch (error) {
      if (error instanceof BrokerError) throw error;
      const why =
        error instanceof SyntaxError ? `it is not JSON: ${error.message}` : (error as Error).message;
      throw new UsageError(`Line ${line.number} of the batch cannot be used: ${why}`, NOTHING_QUEUED);
    }
  }

  #show(what: string, { endBytes }: Line, { bytes }: BatchSource, count: number): void {
    this.#progress.show(what, endBytes / Math.max(1, bytes), `${count.toLocaleString("en")} tasks`);
  }
}
