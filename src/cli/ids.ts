import { QTasksError, UnknownIdError } from "../core/errors.js";
import type { App } from "../engine/app.js";
import { EXIT, exitCodeOf } from "./exit.js";
import { recallLast } from "./lastId.js";
import { errorDocument, reportError } from "./report.js";
import type { Session } from "./session.js";
import type { Stage } from "./stage.js";
import { UsageError } from "./usage.js";

const WHOLE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const PREFIX = /^[0-9a-f][0-9a-f-]{0,35}$/;
const ENOUGH_TO_TELL = 4;

/**
 * The uuids of ids as given: a uuid, a unique prefix of one, `@last`, or `-` for those on stdin; each once. Unknown
 * ones are told and do not keep the others from being served.
 */
export async function resolveIds(
  { app, project }: Session,
  words: readonly string[],
  failures: Failures,
): Promise<readonly string[]> {
  const uuids = new Set<string>();
  for (const id of await readIds(words, project.root)) {
    try {
      uuids.add(await resolveId(app, id));
    } catch (error) {
      failures.add(error);
    }
  }
  return [...uuids];
}

/** The uuid where one id is asked for. */
export async function resolveOnly({ app, project }: Session, word: string): Promise<string> {
  const [id = "", second] = await readIds([word], project.root);
  if (second !== undefined) throw new UsageError("Several ids came on stdin.", "This command takes one.");
  return await resolveId(app, id);
}

async function readIds(words: readonly string[], root: string): Promise<readonly string[]> {
  const fromStdin = words.includes("-") ? await readStdin() : [];
  const ids = words.flatMap((word) => (word === "-" ? fromStdin : [word]));
  if (ids.length === 0)
    throw new UsageError("There are no ids.", "Give ids as arguments, or one a line on stdin with `-`.");
  return ids.map((id) => (id === "@last" ? recallLast(root) : id.toLowerCase()));
}

/**
 * @throws {UnknownIdError}
 * @throws {QTasksError} `E_AMBIGUOUS_ID`, naming some that begin so
 */
async function resolveId(app: App, id: string): Promise<string> {
  if (WHOLE.test(id)) return id;
  if (!PREFIX.test(id))
    throw new UsageError(`${JSON.stringify(id)} is no task id.`, "Give a uuid, or its first characters.");
  await app.open();
  const found = await app.broker.list({ uuidPrefix: id, limit: ENOUGH_TO_TELL });
  const [only, second] = found;
  if (only === undefined) throw new UnknownIdError(id);
  if (second === undefined) return only.uuid;
  throw new QTasksError("E_AMBIGUOUS_ID", `Several tasks have an id that begins with ${id}.`, {
    hint: `For example ${found.map(({ uuid }) => uuid).join(", ")}. Give more characters.`,
  });
}

/** Of several ids, those that fail: each is told at once and does not keep the others from their answer. */
export class Failures {
  readonly #stage: Stage;
  readonly #errors: unknown[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get codes(): readonly number[] {
    return this.#errors.map(exitCodeOf);
  }

  /** @throws what is a wrong use of the command, which ends it */
  add(error: unknown): void {
    if (exitCodeOf(error) === EXIT.usage) throw error;
    this.#errors.push(error);
    reportError(this.#stage, error, { document: false });
  }

  /** The one document of `--json`: the answers, or the error where there are none. */
  document(answers: readonly unknown[]): void {
    const [first] = this.#errors;
    this.#stage.document(answers.length === 0 && first !== undefined ? errorDocument(first) : answers);
  }
}

async function readStdin(): Promise<readonly string[]> {
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) text += chunk;
  return text.split(/\s+/).filter((line) => line !== "");
}
