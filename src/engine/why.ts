import { durationText } from "../core/duration.js";
import type { Task } from "../core/task.js";
import type { UnderWay, WaitingTasks, WorkerInfo } from "../ports/broker.js";

/** Something that keeps tasks waiting. Its `code` is for programs and never changes its meaning. */
export interface Reason {
  readonly code: "no-worker" | "unserved-task" | "workers-busy" | "scheduled" | "retry-waiting" | "under-way";
  readonly message: string;
}

/** What can be seen of a queue at one time. */
export interface QueueView {
  readonly waiting: readonly WaitingTasks[];
  readonly workers: readonly WorkerInfo[];
  readonly running: readonly Pick<Task, "worker" | "startedAt">[];
  /** on their way to another broker, so in no queue */
  readonly underWay?: readonly UnderWay[];
  readonly now: Date;
}

/** Why tasks that wait do; empty when none waits, or when the workers have only to come to them. */
export function whyTasksWait(view: QueueView): readonly Reason[] {
  const moving = (view.underWay ?? []).map(onTheWay);
  if (view.waiting.length === 0) return moving;
  return [...withoutWorker(view), ...withoutPlace(view), ...notDueYet(view), ...moving];
}

/** Tasks that are in no queue: a move goes on, or was cut off. */
function onTheWay({ to, count }: UnderWay): Reason {
  const message = `${tasksAre(count)} under way to ${to}. If no move goes on, \`qtasks move --to ${to}\` finishes it.`;
  return { code: "under-way", message };
}

/** One task, seen as all that waits of its name. */
export function waitingAlone({ taskName, runAt, attempt }: Task, now: Date): WaitingTasks {
  const isDue = runAt <= now;
  return {
    name: taskName,
    isDue,
    nextDueAtMs: isDue ? null : runAt.getTime(),
    nextIsRetry: !isDue && attempt > 0,
  };
}

function withoutWorker({ waiting, workers }: QueueView): readonly Reason[] {
  if (workers.length === 0) {
    return [{ code: "no-worker", message: "No worker runs on this queue. `qtasks worker` starts one." }];
  }
  const unserved = waiting.filter(({ name }) => !workers.some(({ tasks }) => tasks.includes(name)));
  if (unserved.length === 0) return [];
  const running = some(workers.map(({ name }) => name));
  return [
    {
      code: "unserved-task",
      message: `No running worker knows ${some(namesOf(unserved))}. These run: ${running}.`,
    },
  ];
}

/** Due tasks whose workers all have no place left; a worker with a free one has only to come to them. */
function withoutPlace({ waiting, workers, running, now }: QueueView): readonly Reason[] {
  const ableFor = ({ name }: WaitingTasks) => workers.filter(({ tasks }) => tasks.includes(name));
  const isBlocked = (row: WaitingTasks) => {
    const able = ableFor(row);
    return row.isDue && able.length > 0 && able.every(({ busy, slots }) => busy >= slots);
  };
  const blocked = waiting.filter(isBlocked);
  if (blocked.length === 0) return [];
  const able = [...new Set(blocked.flatMap(ableFor))];
  const names = able.map(({ name }) => name);
  const places = able.reduce((sum, { slots }) => sum + slots, 0);
  const longest = oldestStart(running.filter(({ worker }) => worker !== null && names.includes(worker)));
  const since = longest === undefined ? "" : `, the longest ${sinceText(longest, now)}`;
  const taken = places === 1 ? "the one place" : `all ${places} places`;
  const message = `${some(namesOf(blocked))}: ${taken} of ${some(names)} ${places === 1 ? "is" : "are"} taken${since}.`;
  return [{ code: "workers-busy", message }];
}

/** Names of which nothing is due. */
function notDueYet({ waiting, now }: QueueView): readonly Reason[] {
  const rows = waiting.filter(({ isDue, nextDueAtMs }) => !isDue && nextDueAtMs !== null);
  const scheduled = rows.filter(({ nextIsRetry }) => !nextIsRetry);
  const retrying = rows.filter(({ nextIsRetry }) => nextIsRetry);
  return [
    ...reasonUntil("scheduled", "scheduled for later", scheduled, now),
    ...reasonUntil("retry-waiting", "waiting for the next attempt", retrying, now),
  ];
}

function reasonUntil(
  code: Reason["code"],
  state: string,
  rows: readonly WaitingTasks[],
  now: Date,
): readonly Reason[] {
  if (rows.length === 0) return [];
  const next = new Date(Math.min(...rows.map(({ nextDueAtMs }) => nextDueAtMs ?? Number.POSITIVE_INFINITY)));
  const inTime = durationText(next.getTime() - now.getTime());
  const message = `${some(namesOf(rows))}: ${state}, not due before ${next.toISOString()} (in ${inTime}).`;
  return [{ code, message }];
}

function oldestStart(running: QueueView["running"]): Date | undefined {
  const starts = running.flatMap(({ startedAt }) => startedAt?.getTime() ?? []);
  return starts.length === 0 ? undefined : new Date(Math.min(...starts));
}

function sinceText(start: Date, now: Date): string {
  return `since ${start.toISOString()} (${durationText(now.getTime() - start.getTime())})`;
}

function namesOf(rows: readonly WaitingTasks[]): readonly string[] {
  return rows.map(({ name }) => name);
}

const NAMED = 5;

/** The first few names, and how many more there are. */
function some(names: readonly string[]): string {
  const more = names.length - NAMED;
  return more > 0 ? `${names.slice(0, NAMED).join(", ")} and ${more} more` : names.join(", ");
}

export function tasksAre(count: number): string {
  return count === 1 ? "1 task is" : `${count} tasks are`;
}
