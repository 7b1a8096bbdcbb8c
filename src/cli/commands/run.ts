import type { App, Worker } from "../../engine/app.js";
import type { Call } from "../../engine/client.js";
import { onSignals, signalCode } from "../interrupt.js";
import { rememberLast } from "../lastId.js";
import { showOutcome } from "../outcome.js";
import { loadOwnTasks, openWorker, requireTask, type Session } from "../session.js";
import type { Stage } from "../stage.js";
import { escapeControls } from "../ui/escape.js";
import { type Spinner, startSpinner } from "../ui/spinner.js";
import { prettyLine, progressText } from "../ui/taskLines.js";
import { UsageError } from "../usage.js";
import { type CallFlags, callOptions, taskArguments } from "./call.js";

const INTERRUPTED = "interrupted";

/** Queues a task and works on it here, and on what it waits for, until it is done. */
export async function run(
  stage: Stage,
  given: string | undefined,
  words: readonly string[],
  literal: readonly string[],
  flags: CallFlags,
): Promise<number> {
  const options = callOptions(flags);
  const session = await openWorker(stage, flags, {}, {});
  const worker = session.app.createWorker({ focused: true });
  // The child process starts up while this one reads the tasks, which it needs to check the call.
  const ready = worker.engine.prepare();
  ready.catch(() => {});
  let call: Call;
  try {
    await loadOwnTasks(session);
    const taskName = given ?? (await chooseTask(stage, session.app));
    await requireTask([...session.app.tasks.keys()], taskName);
    call = { taskName, args: taskArguments(session.app, taskName, words, literal, flags), options };
    await ready;
  } catch (error) {
    // Not waited for: nothing runs there yet, and the child ends with this process.
    void worker.stop(0);
    throw error;
  }
  try {
    return await runHere(session, worker, call);
  } finally {
    await worker.stop(0);
    await session.app.close();
  }
}

async function runHere({ stage, app, project }: Session, worker: Worker, call: Call): Promise<number> {
  const spinner = await startSpinner(stage, call.taskName);
  showWork(stage, app, spinner);
  await worker.start();
  // Before the task is queued: it may have started before queueing returns.
  const interruption = new Interruption();
  try {
    const task = await app.addTaskFor(worker, call);
    rememberLast(project.root, task.uuid);
    interruption.on(() => cancel(stage, app, worker, task.uuid));
    const result = await app.wait(task.uuid);
    await worker.stop(0);
    spinner.stop();
    const code = showOutcome(stage, result);
    return interruption.signal === undefined ? code : signalCode(interruption.signal);
  } finally {
    spinner.stop();
    interruption.stopListening();
  }
}

/** The first signal that asks this process to end; later ones are the same wish again. */
class Interruption {
  signal: string | undefined;
  readonly stopListening: () => void;
  #act = () => {};

  constructor() {
    this.stopListening = onSignals((signal) => {
      if (this.signal !== undefined) return;
      this.signal = signal;
      this.#act();
    });
  }

  /** Acts when it comes, or at once when it has come already. */
  on(act: () => void): void {
    this.#act = act;
    if (this.signal !== undefined) act();
  }
}

/** Whoever interrupts a run does not want it to go on elsewhere: the task ends as cancelled. */
function cancel(stage: Stage, app: App, worker: Worker, uuid: string): void {
  app.cancel(uuid, INTERRUPTED).catch(async (error: unknown) => {
    stage.error(`The task could not be cancelled: ${(error as Error).message}`, undefined);
    await worker.stop(0);
  });
}

function showWork(stage: Stage, app: App, spinner: Spinner): void {
  let lastProgress = "";
  app.events.on("taskOutput", ({ text }) => stage.err(escapeControls(text)));
  app.events.on("taskProgress", (event) => {
    const text = `${event.taskName} ${progressText(event)}`;
    spinner.text(text);
    if (stage.isInteractive || text === lastProgress) return;
    lastProgress = text;
    stage.say(text);
  });
  app.events.on("taskRetry", (event) => stage.say(prettyLine(stage, "taskRetry", event, new Date())));
  app.events.on("taskStopping", (event) => stage.say(prettyLine(stage, "taskStopping", event, new Date())));
}

async function chooseTask(stage: Stage, app: App): Promise<string> {
  const names = [...app.tasks.keys()].sort();
  if (!stage.isInteractive || process.stdin.isTTY !== true || names.length === 0) {
    throw new UsageError(
      "No task was named.",
      names.length === 0 ? "No module registers a task." : `The tasks are: ${names.join(", ")}.`,
    );
  }
  const { createInterface } = await import("node:readline/promises");
  for (const [index, name] of names.entries()) stage.say(`${String(index + 1).padStart(3)}  ${name}`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = (await terminal.question("Which task? ")).trim();
    return names[Number(answer) - 1] ?? answer;
  } finally {
    terminal.close();
  }
}
