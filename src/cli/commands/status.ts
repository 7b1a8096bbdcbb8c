import { UnknownIdError } from "../../core/errors.js";
import type { Task, TaskRun } from "../../core/task.js";
import type { WorkerInfo } from "../../ports/broker.js";
import { worstOf } from "../exit.js";
import { Failures, readIds, resolveId } from "../ids.js";
import { resultText } from "../outcome.js";
import { type GlobalOptions, openProject, type Session } from "../session.js";
import type { Stage } from "../stage.js";
import { escapeControls, escapeLine } from "../ui/escape.js";
import { type Column, renderTable } from "../ui/table.js";
import { progressText } from "../ui/taskLines.js";
import { overview } from "./overview.js";

export async function status(
  stage: Stage,
  words: readonly string[],
  options: GlobalOptions,
): Promise<number> {
  const session = await openProject(stage, options);
  return words.length === 0 ? await overview(session) : await records(session, words);
}

async function records({ stage, app, project }: Session, words: readonly string[]): Promise<number> {
  const tasks: Task[] = [];
  const failures = new Failures(stage);
  for (const id of readIds(words, project.root)) {
    try {
      const task = await app.get(await resolveId(app, id));
      if (task === undefined) throw new UnknownIdError(id);
      tasks.push(task);
      if (task.status === "new" && !stage.json) await sayWhyItWaits({ stage, app, project }, task);
    } catch (error) {
      failures.add(error);
    }
  }
  if (stage.json) failures.document(tasks);
  else if (tasks.length > 0) stage.answer(tasks.map((task) => describe(stage, task)).join("\n\n"));
  return worstOf(failures.codes);
}

async function sayWhyItWaits({ stage, app }: Session, task: Task): Promise<void> {
  const workers = await app.workers();
  const why = whyItWaits(task, workers, new Date());
  if (why !== undefined) stage.hint(why);
}

function whyItWaits(task: Task, workers: readonly WorkerInfo[], now: Date): string | undefined {
  if (task.runAt > now) return `It is not due before ${task.runAt.toISOString()}.`;
  if (workers.length === 0) return "No worker runs on this queue. `qtasks worker` starts one.";
  const able = workers.filter(({ tasks }) => tasks.includes(task.taskName));
  if (able.length === 0) return `${workers.length} worker(s) run, and none knows ${task.taskName}.`;
  if (able.every(({ busy, slots }) => busy >= slots)) return "All workers that know it are busy.";
  return undefined;
}

/** A record for people: one fact a line, then its runs. */
function describe(stage: Stage, task: Task): string {
  const paint = stage.outPaint;
  const facts: readonly (readonly [string, string | null])[] = [
    ["task", task.taskName],
    ["status", task.status],
    ["args", JSON.stringify(task.args)],
    ["priority", String(task.priority)],
    ["tags", task.tags.length > 0 ? task.tags.join(", ") : null],
    ["attempt", `${task.attempt}${task.retry === null ? "" : ` of ${task.retry + 1}`}`],
    ["maxTime", task.maxTime === null ? null : `${task.maxTime}s`],
    ["created", task.createdAt.toISOString()],
    ["due", task.status === "new" ? task.runAt.toISOString() : null],
    ["started", task.startedAt?.toISOString() ?? null],
    ["finished", task.finishedAt?.toISOString() ?? null],
    ["worker", task.worker],
    ["deaths", task.deaths > 0 ? String(task.deaths) : null],
    ["progress", task.progress === null ? null : progressText(task.progress)],
    ["result", task.status === "success" ? resultText(task.returning) : null],
    ["error", task.error === null ? null : `${task.error.message} (${task.error.code})`],
    ["reason", task.cancelReason],
  ];
  const lines = facts.flatMap(([name, value]) =>
    value === null ? [] : [`${paint.dim(name.padEnd(9))} ${escapeLine(value)}`],
  );
  const trace = task.traceback === null ? [] : [paint.dim(escapeControls(task.traceback))];
  return [paint.bold(task.uuid), ...lines, ...trace, ...history(stage, task)].join("\n");
}

function history(stage: Stage, task: Task): readonly string[] {
  if (task.history.length === 0) return [];
  const seconds = (run: TaskRun) => ((run.finishedAt.getTime() - run.startedAt.getTime()) / 1000).toFixed(3);
  const columns: readonly Column<TaskRun>[] = [
    { title: "ATTEMPT", value: (run) => String(run.attempt), align: "right" },
    { title: "STATUS", value: (run) => run.status },
    { title: "STARTED", value: (run) => run.startedAt.toISOString() },
    { title: "SECONDS", value: seconds, align: "right" },
    { title: "WORKER", value: (run) => run.worker },
    { title: "ERROR", value: (run) => run.error?.message ?? "-" },
  ];
  return [renderTable(task.history, columns, { width: stage.outWidth, title: stage.outPaint.bold })];
}
