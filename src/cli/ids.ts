import { QTasksError, UnknownIdError } from "../core/errors.js";
import { canBeForeignId, isUuid } from "../core/taskId.js";
import type { App } from "../engine/app.js";
import { EXIT, exitCodeOf } from "./exit.js";
import { recallLast } from "./lastId.js";
import { errorDocument, reportError } from "./report.js";
import type { Session } from "./session.js";
import type { Stage } from "./stage.js";
import { UsageError } from "./usage.js";

const PREFIX = /^[0-9a-f][0-9a-f-]{0,35}$/;
const ENOUGH_TO_TELL = 4;

/** So many words are looked up at once. */
const PIECE = 100;

/**
 * The ids that are meant: a uuid, a unique prefix of one, the whole id of a task that another program queued on a
 * server, `@last`, or `-` for those on stdin; each once. Unknown ones are told and do not keep the others from being
 * served.
 */
export async function resolveIds(
  { app, project }: Session,
  words: readonly string[],
  failures: Failures,
): Promise<readonly string[]> {
  const ids = new Set<string>();
  const { given, foreign } = await readIds(app, words, project.root);
  for (const word of given) {
    try {
      ids.add(foreign.has(word) ? word : await resolveId(app, word));
    } catch (error) {
      failures.add(error);
    }
  }
  return [...ids];
}

/** The id where one is asked for. */
export async function resolveOnly({ app, project }: Session, word: string): Promise<string> {
  const { given, foreign } = await readIds(app, [word], project.root);
  const [only = "", second] = given;
  if (second !== undefined) throw new UsageError("Several ids came on stdin.", "This command takes one.");
  return foreign.has(only) ? only : await resolveId(app, only);
}

interface Given {
  /** as it was typed */
  readonly given: readonly string[];
  /** those that are ids of tasks that other programs queued */
  readonly foreign: ReadonlySet<string>;
}

async function readIds(app: App, words: readonly string[], root: string): Promise<Given> {
  const lines = words.includes("-") ? await readStdin() : [];
  const fromStdin = lines.flatMap((line) => [line, ...line.split(/\s+/)]);
  const foreign = await foreignIds(app, [...words.filter((word) => word !== "-"), ...fromStdin]);
  // Ids may have spaces in them, and a line may hold many ids.
  const each = lines.flatMap((line) => (foreign.has(line) ? [line] : line.split(/\s+/)));
  const given = words.flatMap((word) => (word === "-" ? each : [word]));
  if (given.length === 0)
    throw new UsageError("There are no ids.", "Give ids as arguments, or one a line on stdin with `-`.");
  return { given: given.map((word) => (word === "@last" ? recallLast(root) : word)), foreign };
}

/** Those of the words that a task is called by as they stand, though it is no uuid. */
async function foreignIds(app: App, words: readonly string[]): Promise<ReadonlySet<string>> {
  if (!app.broker.hasForeignIds) return new Set();
  const asked = [...new Set(words)].filter(
    (word) => word !== "@last" && !isUuid(word) && canBeForeignId(word),
  );
  if (asked.length === 0) return new Set();
  await app.open();
  const found = new Set<string>();
  for (let at = 0; at < asked.length; at += PIECE) {
    for (const record of await app.broker.getMany(asked.slice(at, at + PIECE))) {
      if (record !== undefined) found.add(record.uuid);
    }
  }
  return found;
}

/**
 * @throws {UnknownIdError}
 * @throws {QTasksError} `E_AMBIGUOUS_ID`, naming some that begin so
 */
async function resolveId(app: App, word: string): Promise<string> {
  const id = word.toLowerCase();
  if (isUuid(id)) return id;
  if (!PREFIX.test(id)) {
    if (app.broker.hasForeignIds && canBeForeignId(word)) throw new UnknownIdError(word);
    throw new UsageError(`${JSON.stringify(id)} is no task id.`, "Give a uuid, or its first characters.");
  }
  await app.open();
  const found = await app.broker.list({ uuidPrefix: id, limit: ENOUGH_TO_TELL });
  const [only, second] = found;
  if (only === undefined) throw new UnknownIdError(app.broker.hasForeignIds ? word : id);
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
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
