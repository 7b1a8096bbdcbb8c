import type { Task } from "../../core/task.js";
import { timeoutMs } from "../../engine/call.js";
import type { Call } from "../../engine/client.js";
import { type CallFlags, callOptions } from "../callFlags.js";
import { EXIT } from "../exit.js";
import { callArguments, explainRefusal } from "../input/callArguments.js";
import { type CommandLine, readWords, type TaskWords, taskNameIn } from "../input/words.js";
import { interruptible } from "../interrupt.js";
import { rememberLast } from "../lastId.js";
import { showOutcome } from "../outcome.js";
import { requireTask } from "../requireTask.js";
import type { Session } from "../session.js";
import type { Stage } from "../stage.js";
import { openProjectWithTasks, type TaskSession } from "../taskSession.js";
import { startSpinner } from "../ui/spinner.js";
import { hintIfUnserved } from "../unserved.js";
import { UsageError } from "../usage.js";

/** Queues a task, or one for each line of a batch. */
export async function call(stage: Stage, line: CommandLine): Promise<number> {
  const rough = line.command.optsWithGlobals<CallFlags>();
  const name = taskNameIn(line);
  if (name === undefined) return helpWithoutName(line, rough);
  const session = await openProjectWithTasks(stage, rough, { name, help: rough.help });
  if (!rough.allowUnknown) await requireTask([...session.tasks.keys()], name);
  const words = readWords(line, session.tasks.get(name));
  if (words.flags.help) return showHelp(stage, words);
  if (words.flags.batch !== undefined)
    return await (await import("./batch.js")).callBatch(session, name, words);
  return await callOnce(session, name, words);
}

async function callOnce(session: TaskSession, taskName: string, words: TaskWords): Promise<number> {
  const { stage, app, project, tasks } = session;
  const options = callOptions(words.flags);
  const args = callArguments(tasks.get(taskName), words);
  const waitMs = timeoutMs(options);
  const call = { taskName, args, options: { ...options, timeout: undefined } };
  const task = await explaining(call, words, async () => (await app.addTask(call)) as Task);
  rememberLast(project.root, task.uuid);
  if (waitMs !== undefined) return await waitForResult(session, task, waitMs);
  await hintIfUnserved(session, taskName);
  if (stage.json) stage.document(task);
  else
    stage.answer(
      stage.outIsTerminal && !stage.quiet
        ? `${task.uuid}  ${task.deduplicated ? "already there" : "queued"}`
        : task.uuid,
    );
  return EXIT.ok;
}

/** Queues, and says what the task's schema refuses in the terms of the command line. */
export async function explaining<T>(
  { taskName, args }: Call,
  { input }: TaskWords,
  queue: () => Promise<T>,
): Promise<T> {
  try {
    return await queue();
  } catch (error) {
    throw input === undefined ? error : explainRefusal(error, taskName, args, input);
  }
}

/** Help was asked for, or the name is what is missing. */
export function helpWithoutName({ command }: CommandLine, { help }: CallFlags): number {
  if (!help)
    throw new UsageError("missing required argument 'name'", `See \`qtasks ${command.name()} --help\`.`);
  command.outputHelp();
  return EXIT.ok;
}

export function showHelp(stage: Stage, { help }: TaskWords): number {
  stage.result(help());
  return EXIT.ok;
}

async function waitForResult(
  session: Session,
  { uuid, taskName }: Task<unknown>,
  waitMs: number,
): Promise<number> {
  const { stage, app } = session;
  const spinner = await startSpinner(stage, `waiting for ${uuid}`);
  const tell = () =>
    stage.error(`Interrupted. The task goes on: ${uuid}`, `\`qtasks wait ${uuid}\` waits for it.`);
  try {
    return await interruptible(tell, async () => {
      await hintIfUnserved(session, taskName);
      const result = await app.wait(uuid, waitMs / 1000);
      spinner.stop();
      return showOutcome(stage, result);
    });
  } finally {
    spinner.stop();
  }
}
