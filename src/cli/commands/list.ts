import { relative } from "node:path";
import type { TaskExecSchema } from "../../ports/execution.js";
import { EXIT } from "../exit.js";
import { callerParams } from "../input/params.js";
import { inputShape } from "../input/shape.js";
import { showArguments } from "../input/showArguments.js";
import { type GlobalOptions, openProjectWithTasks } from "../session.js";
import type { Stage } from "../stage.js";
import { renderTable } from "../ui/table.js";

export interface ListOptions extends GlobalOptions {
  readonly tag?: readonly string[] | undefined;
  readonly names?: boolean | undefined;
}

export async function list(stage: Stage, options: ListOptions): Promise<number> {
  const { app, project } = await openProjectWithTasks(stage, options);
  const wanted = (schema: TaskExecSchema) => (options.tag ?? []).every((tag) => schema.tags.includes(tag));
  const schemas = [...app.tasks.values()].filter(wanted).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (stage.json) stage.document(schemas.map(describeSchema));
  else if (options.names) for (const { name } of schemas) stage.answer(name);
  else if (schemas.length === 0)
    stage.say(options.tag === undefined ? noTasks(project.config.tasks) : "No task has that tag.");
  else stage.answer(table(stage, project.root, schemas));
  return EXIT.ok;
}

/** A schema as data: functions and classes by their names. */
export function describeSchema(schema: TaskExecSchema) {
  const {
    func: _,
    input,
    decode,
    generateHandler,
    executor,
    retryOnExc,
    retryDelay,
    extra,
    ...data
  } = schema;
  return {
    ...data,
    params: callerParams(schema) ?? null,
    retryOnExc: retryOnExc?.map(({ name }) => name) ?? null,
    retryDelay: typeof retryDelay === "function" ? "function" : retryDelay,
    executor: executor.name,
    middlewaresBefore: schema.middlewaresBefore.map(({ name }) => name),
    middlewaresAfter: schema.middlewaresAfter.map(({ name }) => name),
    decode: decode !== null,
    generateHandler: generateHandler !== null,
    input: input === null ? null : { vendor: input["~standard"].vendor, shape: inputShape(schema) ?? null },
    extra: plainExtra(extra),
  };
}

function plainExtra(extra: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(extra).map(([key, value]) => [key, plain(value)]));
}

function plain(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value) ?? "null");
  } catch {
    return String(value);
  }
}

function table(stage: Stage, root: string, schemas: readonly TaskExecSchema[]): string {
  return renderTable(
    schemas,
    [
      { title: "NAME", value: ({ name }) => name },
      { title: "ARGUMENTS", value: (schema) => showArguments(schema) || "-" },
      { title: "PRIORITY", value: ({ priority }) => String(priority), align: "right" },
      { title: "RETRY", value: ({ retry }) => String(retry), align: "right" },
      { title: "MAXTIME", value: ({ maxTime }) => (maxTime === null ? "-" : `${maxTime}s`), align: "right" },
      { title: "TAGS", value: ({ tags }) => tags.join(",") || "-" },
      { title: "DESCRIPTION", value: (schema) => describe(schema) },
      { title: "SOURCE", value: ({ source }) => `${relative(root, source.file)}:${source.line}` },
    ],
    { width: stage.outWidth, title: stage.outPaint.bold },
  );
}

function describe({ description, extra }: TaskExecSchema): string {
  const more = Object.entries(plainExtra(extra)).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [description ?? "", ...more].filter((part) => part !== "").join(" ") || "-";
}

function noTasks(tasks: string | readonly string[]): string {
  return `No tasks: nothing in ${JSON.stringify(tasks)} registers one.`;
}
