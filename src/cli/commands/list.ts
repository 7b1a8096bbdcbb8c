import { relative } from "node:path";
import type { TaskFacts } from "../../core/facts.js";
import { EXIT } from "../exit.js";
import { showArguments } from "../input/showArguments.js";
import type { GlobalOptions } from "../session.js";
import type { Stage } from "../stage.js";
import { readTasks } from "../taskSession.js";
import { renderTable } from "../ui/table.js";

export interface ListOptions extends GlobalOptions {
  readonly tag?: readonly string[] | undefined;
  readonly names?: boolean | undefined;
}

export async function list(stage: Stage, options: ListOptions): Promise<number> {
  const { root, places, facts } = await readTasks(stage, options);
  const wanted = (task: TaskFacts) => (options.tag ?? []).every((tag) => task.tags.includes(tag));
  const tasks = facts.filter(wanted).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (stage.json) stage.document(tasks);
  else if (options.names) for (const { name } of tasks) stage.answer(name);
  else if (tasks.length === 0)
    stage.say(options.tag === undefined ? noTasks(places) : "No task has that tag.");
  else stage.answer(table(stage, root, tasks));
  return EXIT.ok;
}

function table(stage: Stage, root: string, tasks: readonly TaskFacts[]): string {
  return renderTable(
    tasks,
    [
      { title: "NAME", value: ({ name }) => name },
      { title: "ARGUMENTS", value: (task) => showArguments(task) || "-" },
      { title: "PRIORITY", value: ({ priority }) => String(priority), align: "right" },
      { title: "RETRY", value: ({ retry }) => String(retry), align: "right" },
      { title: "MAXTIME", value: ({ maxTime }) => (maxTime === null ? "-" : `${maxTime}s`), align: "right" },
      { title: "TAGS", value: ({ tags }) => tags.join(",") || "-" },
      { title: "DESCRIPTION", value: describe },
      { title: "SOURCE", value: ({ source }) => `${relative(root, source.file)}:${source.line}` },
    ],
    { width: stage.outWidth, title: stage.outPaint.bold },
  );
}

function describe({ description, extra }: TaskFacts): string {
  const more = Object.entries(extra).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [description ?? "", ...more].filter((part) => part !== "").join(" ") || "-";
}

function noTasks(places: string | readonly string[]): string {
  return `No tasks: nothing in ${JSON.stringify(places)} registers one.`;
}
