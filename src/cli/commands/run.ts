import type { App, Worker } from "../../engine/app.js";
import type { Call } from "../../engine/client.js";
import { type CallFlags, callOptions } from "../callFlags.js";
import { callArguments } from "../input/callArguments.js";
import { type CommandLine, readWords, type TaskWords, taskNameIn } from "../input/words.js";
import { onSignals, signalCode } from "../interrupt.js";
import { rememberLast } from "../lastId.js";
import { showOutcome } from "../outcome.js";
import { requireTask } from "../requireTask.js";
import { openRunner } from "../runnerSession.js";
import type { Session } from "../session.js";
import type { Stage } from "../stage.js";
import type { Tasks } from "../taskSession.js";
import type { Chosen } from "../ui/choice.js";
import { escapeControls } from "../ui/escape.js";
import { type Spinner, startSpinner } from "../ui/spinner.js";
import { prettyLine, progressText } from "../ui/taskLines.js";
import { UsageError } from "../usage.js";
import { explaining, helpWithoutName, showHelp } from "./call.js";

const INTERRUPTED = "interrupted";

/** Queues a task and works on it here, and on what it waits for, until it is done. */
export async function run(stage: Stage, line: CommandLine): Promise<number> {
  const rough = line.command.optsWithGlobals<CallFlags>();
  const given = taskNameIn(line);
  if (given === undefined && rough.help) return helpWithoutName(line, rough);
  const session = await openRunner(stage, rough, given);
  const worker = session.app.createWorker({ focused: true });
  // The child process starts up while this one reads the tasks, which it needs to check the call.
  const ready = worker.engine.prepare();
  ready.catch(() => {});
  let call: Call;
  let words: TaskWords;
  let opened: Promise<void>;
  try {
    const tasks = await session.tasks();
    const chosen = given === undefined ? await chosenTask(stage, tasks) : { value: given };
    if (chosen.value === undefined) return leave(worker, signalCode(chosen.signal));
    const taskName = chosen.value;
    await requireTask([...tasks.keys()], taskName);
    const task = tasks.get(taskName);
    words = readWords(line, task);
    if (words.flags.help) return leave(worker, showHelp(stage, words));
    call = { taskName, args: callArguments(task, words), options: callOptions(words.flags) };
    // The broker opens meanwhile, as the call is sound. What is wrong in the child is told first all the same.
    opened = session.app.open();
    opened.catch(() => {});
    await ready;
  } catch (error) {
    leave(worker, 0);
    throw error;
  }
  try {
    return await explaining(call, words, async () => {
      await opened;
      return await runHere(session, worker, call);
    });
  } finally {
    await worker.stop(0);
    await session.app.close();
  }
}

/** Not waited for: nothing runs there yet, and the child ends with this process. */
function leave(worker: Worker, code: number): number {
  void worker.stop(0);
  return code;
}

async function chosenTask(stage: Stage, all: Tasks): Promise<Chosen> {
  const tasks = [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (tasks.length > 0 && stage.isInteractive && process.stdin.isTTY === true) {
    const { choose } = await import("../ui/choice.js");
    return await choose(
      stage,
      "Which task?",
      tasks.map(({ name, description }) => ({ value: name, hint: description ?? "" })),
    );
  }
  const names = tasks.map(({ name }) => name).join(", ");
  throw new UsageError(
    "No task was named.",
    names === "" ? "No module registers a task." : `The tasks are: ${names}.`,
  );
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
