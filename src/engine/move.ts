import { createHash } from "node:crypto";
import { QTasksError } from "../core/errors.js";
import { isUuid } from "../core/taskId.js";
import type { Broker, Departing, DepartRequest, MovingTask, Transfer } from "../ports/broker.js";
import type { System } from "../ports/system.js";
import { tasksAre } from "./why.js";

/** In memory, and out of both queues, at one time. */
const BATCH = { limit: 500, most: 4 * 2 ** 20 } as const;

export interface Move {
  readonly source: Broker;
  readonly target: Broker;
  /** names the target, for whoever finishes a move that was cut off */
  readonly to: string;
  readonly which: readonly DepartRequest["which"][];
  readonly system: Pick<System, "now">;
  /** no further batch once it is aborted; the one under way is brought to its end */
  readonly signal: AbortSignal;
  /** called after each batch, with how many tasks of it wait, and how many have finished */
  moved(waiting: number, finished: number): void;
}

/**
 * Moves what is in the source at this moment, in batches, and first what an earlier move has left under way. A task can
 * be claimed at one of both at most: it departs from the source before it arrives, and enters the target only once the
 * source has given it up for good. Whatever is cut off in between, another move to the same target finishes.
 * @throws {QTasksError} `E_UNDER_WAY` when tasks are under way to another target, `E_SAME_QUEUE`, `E_BROKER` when a broker cannot move tasks
 */
export async function moveTasks(move: Move): Promise<void> {
  const { to, which, signal } = move;
  const [source, target] = [transferOf(move.source), transferOf(move.target)];
  let cutOff = await leftUnderWay(source, to);
  const counts = await move.source.counts();
  for (const each of which) {
    const there = counts.reduce(
      (sum, row) => sum + (each === "waiting" ? row.new : row.success + row.error + row.cancel),
      0,
    );
    // What is queued meanwhile stays, or the move might never end.
    for (let left = cutOff + there; left > 0 && !signal.aborted; ) {
      const limit = Math.min(BATCH.limit, left);
      const batch = await source.depart({ to, which: each, limit, most: BATCH.most });
      if (batch.length === 0) break;
      await refuseSameQueue(move, source, target, batch);
      await handOver(move, source, target, batch);
      left -= batch.length;
      cutOff = Math.max(0, cutOff - batch.length);
    }
  }
}

/**
 * Puts the tasks of a move that was cut off back in line, those that have not left yet.
 * @returns how many went back, and how many have left
 */
export async function takeBack(
  source: Broker,
  system: Pick<System, "now">,
): Promise<{ readonly back: number; readonly left: number }> {
  const transfer = transferOf(source);
  const count = (await transfer.underWay()).reduce((sum, each) => sum + each.count, 0);
  if (count === 0) return { back: 0, left: 0 };
  const batch = await transfer.depart({
    to: "",
    which: "waiting",
    limit: count,
    most: Number.MAX_SAFE_INTEGER,
  });
  const entered = await transfer.step(uuidsOf(batch), "enter", system.now());
  const back = entered.filter(Boolean).length;
  return { back, left: batch.length - back };
}

async function handOver(
  move: Move,
  source: Transfer,
  target: Transfer,
  batch: readonly Departing[],
): Promise<void> {
  const { system } = move;
  const arriving = batch.filter(({ hasLeft }) => !hasLeft).map(({ task }) => underTargetId(task));
  await target.arrive(arriving);
  const uuids = uuidsOf(batch);
  const there = batch.map(({ task }) => targetId(task.record));
  const haveLeft = await source.step(uuids, "leave", system.now());
  const gone = (_: string, place: number) => haveLeft[place] === true;
  await target.step(there.filter(gone), "enter", system.now());
  await source.step(uuids.filter(gone), "forget", system.now());
  // Taken back by somebody in between: the copies count for nothing.
  const stayed = there.filter((_, place) => haveLeft[place] !== true);
  if (stayed.length > 0) await target.step(stayed, "forget", system.now());
  const moved = batch.filter((_, place) => haveLeft[place]).map(({ task }) => task);
  const waiting = moved.filter(isWaiting).length;
  move.moved(waiting, moved.length - waiting);
}

/** @returns how many tasks an earlier move to this target has left under way */
async function leftUnderWay(source: Transfer, to: string): Promise<number> {
  const underWay = await source.underWay();
  const other = underWay.find((each) => each.to !== to);
  if (other !== undefined) {
    throw new QTasksError(
      "E_UNDER_WAY",
      `${tasksAre(other.count)} under way to ${other.to}: a move there was cut off.`,
      {
        hint: `Finish it with \`qtasks move --to ${other.to}\`, or take back what has not left with \`qtasks move --back\`.`,
      },
    );
  }
  return underWay.reduce((sum, { count }) => sum + count, 0);
}

/** One queue can be called by several names; it is told by what has just departed from it. */
async function refuseSameQueue(
  { system, to }: Move,
  source: Transfer,
  target: Transfer,
  batch: readonly Departing[],
): Promise<void> {
  if (!(await target.underWay()).some((each) => each.to === to)) return;
  await source.step(uuidsOf(batch), "enter", system.now());
  throw new QTasksError("E_SAME_QUEUE", `${to} is the queue that the tasks are in.`, {
    hint: "Give another one to --to, or where they are to --broker.",
  });
}

function transferOf(broker: Broker): Transfer {
  if (broker.transfer !== undefined) return broker.transfer;
  throw new QTasksError("E_BROKER", `The broker ${broker.name} cannot move tasks.`, {
    hint: "It needs `transfer`: see docs/writing-a-broker.md.",
  });
}

function uuidsOf(batch: readonly Departing[]): readonly string[] {
  return batch.map(({ task }) => task.record.uuid);
}

function underTargetId(task: MovingTask): MovingTask {
  return { ...task, record: { ...task.record, uuid: targetId(task.record) } };
}

/**
 * Plain BullMQ counts the jobs of each queue from 1: such an id may mean another job at the target. It is replaced by a
 * uuid that comes out the same at each try.
 */
function targetId({ uuid, taskName, args, createdAtMs }: MovingTask["record"]): string {
  if (isUuid(uuid)) return uuid;
  const hash = createHash("sha256")
    .update(JSON.stringify([uuid, taskName, args, createdAtMs]))
    .digest("hex");
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `a${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join("-");
}

function isWaiting({ record }: MovingTask): boolean {
  return record.status === "new";
}
