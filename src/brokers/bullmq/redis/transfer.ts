import { isFinal } from "../../../core/status.js";
import type {
  Departing,
  DepartRequest,
  MovingTask,
  Transfer,
  TransferStep,
  UnderWay,
} from "../../../ports/broker.js";
import type { Moment } from "../../../ports/system.js";
import { bullPriority, toLogLine, toUnique, whole } from "../given.js";
import type { Verb } from "./lua/program.js";
import { RECORD_FIELDS, toRecord } from "./record.js";
import type { Argument } from "./scripts.js";

/** What a task that moves has beside its record. */
const BESIDE = ["qt:crashes", "qt:alone", "qt:binding", "qt:until"] as const;

const FIELDS = [...RECORD_FIELDS, ...BESIDE];

type DepartureRow = readonly [
  uuid: string,
  state: string,
  values: readonly (string | null)[],
  log: readonly string[],
];

export class RedisTransfer implements Transfer {
  readonly #run: (verb: Verb, args?: readonly Argument[]) => Promise<unknown>;

  constructor(run: (verb: Verb, args?: readonly Argument[]) => Promise<unknown>) {
    this.#run = run;
  }

  async depart({ to, which, limit, most }: DepartRequest): Promise<readonly Departing[]> {
    const answer = await this.#run("depart", [to, which, limit, most, FIELDS.length, ...FIELDS]);
    const [fence, rows] = answer as [string, readonly DepartureRow[]];
    return rows.map((row) => toDeparting(row, Number(fence)));
  }

  async arrive(tasks: readonly MovingTask[]): Promise<void> {
    const fence = Math.max(0, ...tasks.map((task) => task.fence));
    await this.#run("arrive", [fence, ...tasks.flatMap(arrivalRow)]);
  }

  async step(uuids: readonly string[], step: TransferStep, now: Moment): Promise<readonly boolean[]> {
    const done = (await this.#run("step", [step, whole(now.wallMs), ...uuids])) as number[];
    return done.map((each) => each === 1);
  }

  async underWay(): Promise<readonly UnderWay[]> {
    const counts = new Map<string, number>();
    for (const state of (await this.#run("underWay")) as string[]) {
      const [, to] = stateAndTarget(state);
      counts.set(to, (counts.get(to) ?? 0) + 1);
    }
    return [...counts].map(([to, count]) => ({ to, count }));
  }
}

function toDeparting([uuid, state, values, log]: DepartureRow, fence: number): Departing {
  const record = toRecord(uuid, values);
  if (record === undefined) throw new Error(`The task ${uuid} is under way and has no status.`);
  const [crashes, alone, binding, until] = values.slice(RECORD_FIELDS.length);
  const [stage, to] = stateAndTarget(state);
  return {
    to,
    hasLeft: stage === "left",
    task: {
      record,
      unique: toUnique(binding ?? null, until ?? null),
      crashes: Number(crashes ?? 0),
      alone: alone === "1",
      log: log.map(toLogLine),
      fence,
    },
  };
}

function stateAndTarget(state: string): readonly [string, string] {
  const space = state.indexOf(" ");
  return [state.slice(0, space), state.slice(space + 1)];
}

function arrivalRow(task: MovingTask): readonly Argument[] {
  const fields = Object.entries(jobFields(task)).filter(([, value]) => value !== null) as [
    string,
    Argument,
  ][];
  return [
    task.record.uuid,
    2 * fields.length,
    ...fields.flat(),
    task.log.length,
    ...task.log.map((line) => JSON.stringify(line)),
  ];
}

/** The hash of the task's job; null for what it does not have. */
function jobFields(task: MovingTask): Readonly<Record<string, Argument | null>> {
  const { record, unique, crashes, alone } = task;
  const { uuid, createdAtMs, runAtMs, history, worker, startedAtMs } = record;
  const delay = Math.max(0, whole(runAtMs) - whole(createdAtMs));
  const priority = bullPriority(record.priority);
  const text = history.map((run) => JSON.stringify(run)).join();
  return {
    name: record.taskName,
    data: record.args,
    opts: JSON.stringify({ jobId: uuid, priority, delay, attempts: 1 }),
    timestamp: whole(createdAtMs),
    delay,
    priority,
    "qt:status": record.status,
    "qt:priority": record.priority,
    "qt:tags": JSON.stringify(record.tags),
    "qt:retry": record.retry ?? "",
    "qt:max": record.maxTimeMs ?? "",
    "qt:runAt": whole(runAtMs),
    "qt:due": "1",
    "qt:attempt": record.attempt,
    "qt:deaths": record.deaths,
    "qt:updated": whole(record.updatedAtMs),
    "qt:started": startedAtMs && whole(startedAtMs),
    "qt:history": text || null,
    "qt:worker": worker === null ? null : JSON.stringify(worker),
    "qt:crashes": crashes || null,
    "qt:alone": alone ? "1" : null,
    "qt:binding": unique && JSON.stringify([record.taskName, unique.key]),
    "qt:until": unique?.until ?? null,
    atm: history.length,
    ats: history.length,
    ...(isFinal(record.status) && endFields(record)),
  };
}

function endFields(record: MovingTask["record"]): Readonly<Record<string, Argument | null>> {
  const { status, error, traceback, progress, startedAtMs } = record;
  const reason = record.cancelReason === null ? null : JSON.stringify(record.cancelReason);
  const shown = reason === null ? null : `cancelled: ${reason}`;
  return {
    "qt:finished": whole(record.finishedAtMs ?? record.updatedAtMs),
    processedOn: startedAtMs && whole(startedAtMs),
    returnvalue: status === "success" ? (record.returning ?? "null") : null,
    failedReason: shown ?? error?.message ?? null,
    stacktrace: status === "error" ? JSON.stringify(traceback === null ? [] : [traceback]) : null,
    "qt:error": error && JSON.stringify(error),
    "qt:trace": traceback === null ? null : JSON.stringify(traceback),
    "qt:reason": reason,
    "qt:progress": progress && JSON.stringify(progress),
    progress: progress && JSON.stringify(progress),
  };
}
