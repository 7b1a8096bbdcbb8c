import { isQTasksError, QTasksError } from "../../core/errors.js";
import type { Status } from "../../core/status.js";
import { moveTasks, takeBack } from "../../engine/move.js";
import { otherBroker } from "../../setup/otherBroker.js";
import { system } from "../../setup/system.js";
import { confirm } from "../confirm.js";
import { EXIT } from "../exit.js";
import { onSignals, signalCode } from "../interrupt.js";
import { type GlobalOptions, openProject, type Session } from "../session.js";
import type { Stage } from "../stage.js";
import { startProgressBar } from "../ui/progressBar.js";
import { UsageError } from "../usage.js";

export interface MoveFlags extends GlobalOptions {
  readonly to?: string | undefined;
  readonly finished?: boolean | undefined;
  readonly back?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

type Counts = Readonly<Record<Status, number>>;

/** Moves what waits, and with `--finished` what has finished too, to another broker. */
export async function move(stage: Stage, flags: MoveFlags): Promise<number> {
  const { to, back = false } = flags;
  if ((to === undefined) !== back)
    throw new UsageError("Where the tasks are to go was not said.", "Give one of --to URL and --back.");
  const session = await openProject(stage, flags);
  await session.app.open();
  return to === undefined ? await moveBack(session) : await moveTo(session, to, flags);
}

async function moveTo(session: Session, to: string, flags: MoveFlags): Promise<number> {
  const { stage, app, project } = session;
  const other = otherBroker(project, to);
  await other.broker.open();
  try {
    for (const warning of other.broker.warnings ?? []) stage.warn(warning);
    const before = await app.counts();
    const question = `Move ${whatOf(before, flags.finished)} from ${app.broker.name} to ${other.label}?`;
    if (!(await confirm(stage, question, flags.yes, "Other workers will find them then.")))
      return EXIT.failed;
    return await new Moving(session, before, flags.finished === true).run(other);
  } finally {
    await other.broker.close();
  }
}

async function moveBack({ stage, app }: Session): Promise<number> {
  const { back, left } = await takeBack(app.broker, system);
  if (stage.json) stage.document({ back, underWay: left });
  else stage.answer(`${back} taken back`);
  if (left > 0) stage.hint(`${left} had left already: \`qtasks move --to\` with the same URL finishes that.`);
  return EXIT.ok;
}

function whatOf({ new: waiting, success, error, cancel }: Counts, finished: boolean | undefined): string {
  const rest = finished ? ` and ${success + error + cancel} finished` : "";
  return `${waiting} waiting${rest} tasks`;
}

class Moving {
  readonly #session: Session;
  readonly #total: number;
  readonly #withFinished: boolean;
  #waiting = 0;
  #finished = 0;

  constructor(session: Session, { new: waiting, success, error, cancel }: Counts, withFinished: boolean) {
    this.#session = session;
    this.#total = waiting + (withFinished ? success + error + cancel : 0);
    this.#withFinished = withFinished;
  }

  async run({ broker, label }: ReturnType<typeof otherBroker>): Promise<number> {
    const { stage, app } = this.#session;
    const leaving = new AbortController();
    let code: number = EXIT.ok;
    const stopListening = onSignals((signal) => {
      code = signalCode(signal);
      leaving.abort();
    });
    const progress = await startProgressBar(stage, "moving");
    try {
      await moveTasks({
        source: app.broker,
        target: broker,
        to: label,
        which: this.#withFinished ? ["waiting", "finished"] : ["waiting"],
        system,
        signal: leaving.signal,
        moved: (waiting, finished) => {
          this.#waiting += waiting;
          this.#finished += finished;
          progress.show("moving", this.#moved / Math.max(1, this.#total), this.#soFar());
        },
      });
    } catch (error) {
      throw this.#explain(error);
    } finally {
      progress.stop();
      stopListening();
    }
    if (code !== EXIT.ok) stage.error(`Interrupted. ${this.#soFar()} were moved.`, AGAIN);
    await this.#tell();
    return code;
  }

  get #moved(): number {
    return this.#waiting + this.#finished;
  }

  #soFar(): string {
    return `${this.#moved} of ${Math.max(this.#total, this.#moved)} tasks`;
  }

  async #tell(): Promise<void> {
    const { stage, app } = this.#session;
    const { new: waiting, process: running, success, error, cancel } = await app.counts();
    const left = { waiting, running, finished: success + error + cancel };
    if (stage.json)
      return stage.document({ moved: { waiting: this.#waiting, finished: this.#finished }, left });
    const finished = this.#finished > 0 ? `, ${this.#finished} of them finished` : "";
    stage.answer(`${this.#moved} moved${finished}`);
    if (running > 0) stage.hint(`${running} still run at ${app.broker.name}: they stay there to their end.`);
    if (waiting > 0) stage.hint(`${waiting} wait there by now. ${AGAIN}`);
  }

  /** What was moved before an error is moved. */
  #explain(error: unknown): unknown {
    if (this.#moved === 0 || !isQTasksError(error)) return error;
    const message = `${error.message} ${this.#soFar()} were moved.`;
    return new QTasksError(error.code, message, { hint: AGAIN, cause: error });
  }
}

const AGAIN = "The same command again moves the rest.";
