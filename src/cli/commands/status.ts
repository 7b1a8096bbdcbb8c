import { UnknownIdError } from "../../core/errors.js";
import { isFinal } from "../../core/status.js";
import type { Task } from "../../core/task.js";
import type { ListQuery } from "../../engine/query.js";
import { type Reason, waitingAlone, whyTasksWait } from "../../engine/why.js";
import { atLeast } from "../atLeast.js";
import { EXIT, worstOf } from "../exit.js";
import { Failures, resolveIds } from "../ids.js";
import { lookAgain } from "../lookAgain.js";
import { isSelection, refuseBoth, type SelectionFlags, toQuery } from "../select.js";
import { openProject, type Session } from "../session.js";
import type { Stage } from "../stage.js";
import { describeTask } from "../ui/taskRecord.js";
import { taskTable } from "../ui/taskTable.js";
import { changesOf, lookAtQueue, overviewText, reasonLines, runningText } from "./overview.js";

export interface StatusFlags extends SelectionFlags {
  readonly limit?: string | undefined;
  readonly watch?: boolean | undefined;
}

const DEFAULT_LIMIT = 100;

/** The queue as a whole, a list of tasks, or whole records. */
export async function status(stage: Stage, words: readonly string[], flags: StatusFlags): Promise<number> {
  const limit = atLeast("--limit", flags.limit, 0);
  const asList = isSelection(flags) || limit !== undefined;
  if (asList) refuseBoth(words);
  const query = { ...toQuery(flags), limit: limit ?? DEFAULT_LIMIT };
  const session = await openProject(stage, flags);
  if (asList) return await (flags.watch ? watchList(session, query) : list(session, query));
  if (words.length === 0) return await (flags.watch ? watchQueue(session) : queue(session));
  const failures = new Failures(stage);
  const uuids = await resolveIds(session, words, failures);
  // Where no id is known there is nothing to watch, and the answer is the error.
  if (flags.watch && uuids.length > 0) return await watchRecords(session, uuids, failures);
  return await records(session, uuids, failures);
}

async function queue({ stage, app }: Session): Promise<number> {
  const seen = await lookAtQueue(app, new Date());
  if (stage.json) stage.document(seen);
  else {
    stage.answer(overviewText(stage, seen));
    for (const reason of reasonLines(seen.why)) stage.hint(reason);
  }
  return EXIT.ok;
}

async function watchQueue(session: Session): Promise<number> {
  const { stage, app } = session;
  return await lookAgain(session, async () => {
    const now = new Date();
    const seen = await lookAtQueue(app, now);
    const parts = [overviewText(stage, seen), ...reasonLines(seen.why), runningText(stage, seen, now)];
    return {
      text: parts.filter((part) => part !== "").join("\n"),
      items: [{ key: "queue", state: changesOf(seen), value: seen }],
      isOver: false,
    };
  });
}

async function list({ stage, app }: Session, query: ListQuery & { readonly limit: number }): Promise<number> {
  const found = await app.list({ ...query, limit: query.limit + 1 });
  const tasks = found.slice(0, query.limit);
  if (stage.json) stage.document(tasks);
  else if (tasks.length > 0) stage.answer(taskTable(stage, tasks, new Date()));
  else stage.say("No task matches.");
  if (found.length > tasks.length)
    stage.hint(`These are the newest ${tasks.length}, and there are more. --limit shows more.`);
  return EXIT.ok;
}

async function watchList(session: Session, query: ListQuery): Promise<number> {
  return await lookAgain(session, async () => {
    const tasks = await session.app.list(query);
    const text = tasks.length > 0 ? taskTable(session.stage, tasks, new Date()) : "No task matches.";
    return { text, items: tasks.map(toItem), isOver: false };
  });
}

async function records(session: Session, uuids: readonly string[], failures: Failures): Promise<number> {
  const { stage } = session;
  const tasks = await getAll(session, uuids, failures);
  const reasons = await whyEach(session, tasks);
  if (stage.json) failures.document(tasks.map((task, index) => ({ ...task, why: reasons[index] })));
  else if (tasks.length > 0) {
    stage.answer(tasks.map((task) => describeTask(stage, task)).join("\n\n"));
    for (const reason of new Set(reasons.flatMap(reasonLines))) stage.hint(reason);
  }
  return worstOf(failures.codes);
}

/** Until all of them are done. */
async function watchRecords(session: Session, uuids: readonly string[], failures: Failures): Promise<number> {
  const { stage } = session;
  const isMissing = new Set<string>();
  const code = await lookAgain(session, async () => {
    const tasks = await getAll(
      session,
      uuids.filter((uuid) => !isMissing.has(uuid)),
      failures,
      isMissing,
    );
    const reasons = await whyEach(session, tasks);
    const parts = tasks.map((task, index) =>
      [describeTask(stage, task), ...reasonLines(reasons[index] ?? [])].join("\n"),
    );
    return {
      text: parts.join("\n\n"),
      items: tasks.map((task, index) => toItem({ ...task, why: reasons[index] ?? [] })),
      isOver: tasks.every(({ status }) => isFinal(status)),
    };
  });
  return code === EXIT.ok ? worstOf(failures.codes) : code;
}

async function getAll(
  { app }: Session,
  uuids: readonly string[],
  failures: Failures,
  isMissing = new Set<string>(),
): Promise<readonly Task[]> {
  const found = await Promise.all(uuids.map((uuid) => app.get(uuid)));
  return found.flatMap((task, index) => {
    if (task !== undefined) return [task];
    const uuid = uuids[index] ?? "";
    isMissing.add(uuid);
    failures.add(new UnknownIdError(uuid));
    return [];
  });
}

/** For each task why it waits; nothing for those that do not. */
async function whyEach({ app }: Session, tasks: readonly Task[]): Promise<readonly (readonly Reason[])[]> {
  if (tasks.every(({ status }) => status !== "new")) return tasks.map(() => []);
  const [workers, running] = await Promise.all([app.workers(), app.list({ status: "process" })]);
  const now = new Date();
  return tasks.map((task) =>
    task.status === "new" ? whyTasksWait({ waiting: [waitingAlone(task, now)], workers, running, now }) : [],
  );
}

function toItem(task: Task & { readonly why?: readonly Reason[] }) {
  const { why, ...record } = task;
  return { key: task.uuid, state: [record, why?.map(({ code }) => code)], value: task };
}
