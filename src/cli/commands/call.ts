import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { isQTasksError } from "../../core/errors.js";
import type { Task } from "../../core/task.js";
import type { App } from "../../engine/app.js";
import { type CallOptions, timeoutMs } from "../../engine/call.js";
import type { Call } from "../../engine/client.js";
import { checkArity, exactJson, parseArguments } from "../args.js";
import { EXIT } from "../exit.js";
import { interruptible } from "../interrupt.js";
import { rememberLast } from "../lastId.js";
import { showOutcome } from "../outcome.js";
import { type GlobalOptions, openProjectWithTasks, requireTask, type Session } from "../session.js";
import type { Stage } from "../stage.js";
import { startSpinner } from "../ui/spinner.js";
import { UsageError } from "../usage.js";
import { callerParams } from "./list.js";

export interface CallFlags extends GlobalOptions {
  readonly timeout?: string | undefined;
  readonly priority?: string | undefined;
  readonly delay?: string | undefined;
  readonly at?: string | undefined;
  readonly retry?: string | undefined;
  readonly maxTime?: string | undefined;
  readonly unique?: string | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly allowUnknown?: boolean | undefined;
  readonly raw?: boolean | undefined;
  readonly args?: string | undefined;
  readonly batch?: string | undefined;
}

export async function call(
  stage: Stage,
  name: string,
  words: readonly string[],
  literal: readonly string[],
  flags: CallFlags,
): Promise<number> {
  const options = callOptions(flags);
  if (flags.batch !== undefined) refuseBeside("--batch", words.length + literal.length > 0, flags);
  const session = await openProjectWithTasks(stage, flags);
  if (!flags.allowUnknown) await requireTask([...session.app.tasks.keys()], name);
  if (flags.batch !== undefined) return await callBatch(session, name, flags.batch, options);
  const args = taskArguments(session.app, name, words, literal, flags);
  const waitMs = timeoutMs(options);
  const task = await session.app.addTask(name, args, { ...options, timeout: undefined });
  rememberLast(session.project.root, task.uuid);
  if (waitMs === undefined) {
    await hintIfUnserved(session, name);
    if (stage.json) stage.document(task);
    else
      stage.answer(
        stage.outIsTerminal && !stage.quiet
          ? `${task.uuid}  ${task.deduplicated ? "already there" : "queued"}`
          : task.uuid,
      );
    return EXIT.ok;
  }
  return await waitForResult(session, task, waitMs);
}

/** Arguments as the command line gave them, checked against the function's own parameter list. */
export function taskArguments(
  app: App,
  name: string,
  words: readonly string[],
  literal: readonly string[],
  flags: Pick<CallFlags, "raw" | "args">,
): readonly unknown[] {
  const args = parseArguments({ words, literal, raw: flags.raw === true, list: flags.args });
  const schema = app.tasks.get(name);
  // A task with an input schema checks its one argument itself, and says more.
  if (schema !== undefined && schema.input === null) checkArity(name, args, callerParams(schema));
  return args;
}

/** @throws {UsageError} naming the flag */
export function callOptions(flags: CallFlags): CallOptions {
  return {
    ...(flags.timeout !== undefined && { timeout: flags.timeout }),
    ...(flags.priority !== undefined && { priority: wholeNumber("--priority", flags.priority) }),
    ...(flags.delay !== undefined && { delay: flags.delay }),
    ...(flags.at !== undefined && { runAt: flags.at }),
    ...(flags.retry !== undefined && { retry: wholeNumber("--retry", flags.retry) }),
    ...(flags.maxTime !== undefined && { maxTime: flags.maxTime }),
    ...(flags.unique !== undefined && { unique: flags.unique }),
    ...(flags.tag !== undefined && { tags: flags.tag }),
  };
}

export function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (/^[+-]?\d+$/.test(text.trim()) && Number.isSafeInteger(value)) return value;
  throw new UsageError(`${flag} is ${JSON.stringify(text)}.`, "Give a whole number.");
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

/** Says so when nobody will run the task, instead of leaving people to wonder. */
async function hintIfUnserved({ stage, app }: Session, name: string): Promise<void> {
  if (app.config.broker === "memory:") {
    stage.warn("The broker is memory: the queue is gone when this command ends. `qtasks run` works there.");
    return;
  }
  const workers = await app.workers();
  if (workers.some(({ tasks }) => tasks.includes(name))) return;
  stage.hint(`No worker serves ${name} now; the task waits. \`qtasks worker\` starts one.`);
}

// --- many at once

/** What a batch would ignore without a word. */
function refuseBeside(batch: string, hasWords: boolean, { args, timeout }: CallFlags): void {
  if (hasWords || args !== undefined)
    throw new UsageError(`Arguments were given beside ${batch}.`, "Its lines are the arguments.");
  if (timeout !== undefined)
    throw new UsageError(`${batch} does not wait for results.`, "Leave --timeout out.");
}

/** All or none: a line that is wrong is named, and nothing has been stored. */
async function callBatch(
  { stage, app, project }: Session,
  taskName: string,
  file: string,
  options: CallOptions,
): Promise<number> {
  const calls: Call[] = [];
  let number = 0;
  for await (const line of readLines(file)) {
    number += 1;
    if (line.trim() !== "")
      calls.push({ taskName, args: batchArguments(app, taskName, line, number), options });
  }
  const queued = await app.addTasks(calls);
  const last = queued.at(-1);
  if (last !== undefined) rememberLast(project.root, last.uuid);
  if (stage.json) stage.document({ queued: queued.length });
  else stage.answer(String(queued.length));
  return EXIT.ok;
}

/** A line is the list of arguments, or the one object. */
function batchArguments(app: App, name: string, line: string, number: number): readonly unknown[] {
  try {
    const value = exactJson(line);
    const args = Array.isArray(value) ? value : [value];
    const schema = app.tasks.get(name);
    if (schema !== undefined && schema.input === null) checkArity(name, args, callerParams(schema));
    return args;
  } catch (error) {
    const why = isQTasksError(error) ? error.message : `it is not JSON: ${(error as Error).message}`;
    throw new UsageError(
      `Line ${number} of the batch cannot be used: ${why}`,
      "Nothing was queued. Give a JSON array or object a line.",
    );
  }
}

async function* readLines(file: string): AsyncGenerator<string> {
  const input = file === "-" ? process.stdin : createReadStream(file);
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) yield line;
  } catch (error) {
    throw new UsageError(
      `The batch ${file} cannot be read: ${(error as Error).message}`,
      "Give a file, or - for stdin.",
    );
  }
}
