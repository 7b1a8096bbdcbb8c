import type { Finding } from "../core/finding.js";
import type { JsonText } from "../core/json.js";
import type { NewTask, Progress, TaskRecord, UniqueKey } from "../core/record.js";
import type { Status } from "../core/status.js";
import type { Verdict } from "../core/verdict.js";
import type { Moment } from "./system.js";

/**
 * Where tasks live. A broker holds no clock, runs nothing and decides nothing: time comes in as `now`, fates as
 * verdicts. Every verb is atomic, takes batches, and resolves only when its effect is durable and can be seen by
 * every process. Verbs called in one turn of the event loop take effect in the order of the calls, and nobody else gets
 * a task that is queued and then claimed in one turn.
 */
export interface Broker {
  /** for people: the URL it was made from, without secrets */
  readonly name: string;
  /** what `open()` found that the user should know */
  readonly warnings?: readonly string[];
  /** others queue here too, under ids that need not be uuids: any text without a NUL may be asked for */
  readonly hasForeignIds?: boolean;

  /** A second call does nothing. Throws a `BrokerError` when the storage cannot be used. */
  open(): Promise<void>;
  /** Commits what is under way and lets go; tasks stay. A second call does nothing. */
  close(): Promise<void>;

  /** Stores all of them or none; in the order given, which is their order of arrival. */
  enqueue(tasks: readonly NewTask[]): Promise<readonly Enqueued[]>;
  /** The blocking form, where the storage has one. */
  enqueueSync?(tasks: readonly NewTask[]): readonly Enqueued[];

  /**
   * Takes up to `limit` due tasks, each the best by (priority, due time, arrival), and gives them to the worker with
   * a fresh claim number. A task whose lease has run out is due as well: its lost run goes into its history, its
   * `deaths` rise by one and its attempt is given back; where it was being cancelled it becomes `cancel` instead.
   */
  claim(request: ClaimRequest): Promise<Claimed>;
  /** Moves the end of leases to `now` + `leaseMs`, and says what has become of each. */
  extend(leases: readonly Lease[], leaseMs: number, now: Moment): Promise<readonly LeaseState[]>;
  /**
   * Ends runs. Each settlement is written whole or, when its lease is no longer the newest claim, not at all (false).
   * A `new` verdict on a task that is being cancelled is written as `cancel`.
   */
  settle(settlements: readonly Settlement[], now: Moment): Promise<readonly boolean[]>;
  /** Stores progress and output of running tasks; false where the lease was lost and nothing was written. */
  report(reports: readonly RunReport[], now: Moment): Promise<readonly boolean[]>;

  /**
   * `reason` null stands for `<task name>.cancel`; the first reason given to a running task stays. `urgent` tells its
   * worker to leave it no grace. Undefined: no such task.
   */
  cancel(
    uuid: string,
    reason: string | null,
    now: Moment,
    urgent?: boolean,
  ): Promise<CancelOutcome | undefined>;
  /**
   * Puts a finished task back in line, due now, with fresh counters (attempt, deaths, crashes); its history stays.
   * False: it is not finished. Undefined: no such task.
   */
  requeue(uuid: string, now: Moment): Promise<boolean | undefined>;
  /** Forgets finished tasks that match all that is given. Resolves to how many. */
  prune(query: PruneQuery): Promise<number>;

  /** Forgets waiting tasks, those for later too: at most `limit`, or all. Resolves to how many. */
  purge(limit?: number): Promise<number>;

  get(uuid: string): Promise<TaskRecord | undefined>;
  /** In the order asked for, undefined where there is none: one look for many waiters. */
  getMany(uuids: readonly string[]): Promise<readonly (TaskRecord | undefined)[]>;
  /** Newest first. */
  list(query: TaskQuery): Promise<readonly TaskRecord[]>;
  /** One row for each task name that has a record, sorted by name. */
  counts(): Promise<readonly TaskCounts[]>;
  /** When the task that has waited longest was created, epoch milliseconds; null when none waits. */
  oldestWaiting(): Promise<number | null>;
  /** One row for each task name of which a task waits, sorted by name. Does not look at every task. */
  waiting(now: Moment): Promise<readonly WaitingTasks[]>;
  /**
   * What a task printed and logged, oldest first; empty when nothing, or no such task.
   * @param after leaves out so many of the oldest lines: whoever follows a log passes how many it has read
   */
  logs(uuid: string, after?: number): Promise<readonly LogLine[]>;

  /** Enters the worker, or renews its entry; the entry counts as alive for `leaseMs`. */
  beat(worker: WorkerInfo, leaseMs: number, now: Moment): Promise<void>;
  /** Takes the entry away; what the worker still holds stays leased. */
  leave(workerId: string): Promise<void>;
  /** Living workers, in the order of their start. */
  workers(now: Moment): Promise<readonly WorkerInfo[]>;

  /**
   * Calls back soon after something happened in any process. A call is a hint: look again. It may come too often or
   * for nothing; it may be lost only if the storage cannot tell, so callers keep a slow safety poll behind it.
   */
  subscribe(listener: BrokerListener): Promise<Unsubscribe>;

  /** Epoch milliseconds by the storage's clock, where that is another machine's: all its users then go by it. */
  serverTimeMs?(): Promise<number>;
  /** What of the storage's settings puts tasks at risk: a worker says so when it starts. */
  risks?(): Promise<readonly string[]>;
  /**
   * Looks at the storage without `open()`, for `qtasks doctor`: makes nothing, mends nothing, and never rejects, for
   * what cannot be looked at is a finding too.
   */
  diagnose?(now: Moment): Promise<readonly Finding[]>;

  /** How tasks move to another broker and come from one; without it they cannot. */
  readonly transfer?: Transfer;
}

/**
 * The two ends of a move between brokers. A task under way is out of its queue: it has no record, binds no key, and no
 * other verb finds it. It departs from the source, arrives at the target, leaves the source for good and only then enters
 * the target. Each of that may be repeated, so that a move that was cut off anywhere can be finished by another.
 */
export interface Transfer {
  /**
   * Takes tasks out of the queue and gives them whole: waiting ones in the order of arrival, finished ones in the order
   * of their ends. While there are tasks of a move that was cut off, only these are given, whatever was asked for.
   */
  depart(request: DepartRequest): Promise<readonly Departing[]>;
  /**
   * Keeps tasks that nobody sees before they enter, in place of what arrived under the same id before. The claim numbers
   * of this queue rise above theirs. What has a record here is here already and is left as it is.
   */
  arrive(tasks: readonly MovingTask[]): Promise<void>;
  /** In the order given; false where the step is not the task's next, and nothing has changed then. */
  step(uuids: readonly string[], step: TransferStep, now: Moment): Promise<readonly boolean[]>;
  /** The tasks that have departed and are not forgotten yet, by where they go. */
  underWay(): Promise<readonly UnderWay[]>;
}

export interface DepartRequest {
  /** names the target */
  readonly to: string;
  /** waiting ones, or those that have reached an end status */
  readonly which: "waiting" | "finished";
  readonly limit: number;
  /** no further task once the texts of those before it come to so many characters */
  readonly most: number;
}

export interface Departing {
  readonly to: string;
  /** it has left: its only copy that counts is the target's */
  readonly hasLeft: boolean;
  readonly task: MovingTask;
}

/**
 * `leave`, of what has departed (or left): from now on it is the target's.
 * `enter`, of what arrived, or departed and has not left: it takes its place in this queue, behind those of its rank.
 * `forget`, of what has left, or arrived and has not entered.
 */
export type TransferStep = "leave" | "enter" | "forget";

/** A task that waits or has finished, with all that a broker keeps beside its record. */
export interface MovingTask {
  readonly record: TaskRecord;
  /** where another task of the target has this key, it stays with that one */
  readonly unique: UniqueKey | null;
  readonly crashes: number;
  readonly alone: boolean;
  readonly log: readonly LogLine[];
  /** no claim number of its runs is higher */
  readonly fence: number;
}

export interface UnderWay {
  readonly to: string;
  readonly count: number;
}

export interface Enqueued {
  /** of the task that holds the unique key, when that is an earlier one */
  readonly uuid: string;
  readonly deduplicated: boolean;
}

/** The right to write about one run. `fence` is the claim number: it rises with each claim and is never lowered. */
export interface Lease {
  readonly uuid: string;
  readonly fence: number;
}

export interface ClaimRequest {
  /** unique to one start of one worker */
  readonly workerId: string;
  /** for people, and for the record */
  readonly workerName: string;
  /** only tasks of these names */
  readonly names: readonly string[];
  /** only these tasks, whatever their place in line; undefined for any */
  readonly uuids?: readonly string[] | undefined;
  readonly limit: number;
  /** at most so many of these, of which there are fewer places; those of other names behind them are taken all the same */
  readonly atMost?: { readonly names: readonly string[]; readonly limit: number } | undefined;
  readonly leaseMs: number;
  readonly now: Moment;
}

export interface Claimed {
  /** best first */
  readonly claims: readonly Claim[];
  /** epoch milliseconds at which the next task of these names becomes due; null when none is scheduled */
  readonly nextDueAtMs: number | null;
}

/** A task in a worker's hands, with what it takes to run and judge it. */
export interface Claim {
  readonly lease: Lease;
  readonly taskName: string;
  readonly args: JsonText;
  readonly priority: number;
  /** number of this attempt, from 1 */
  readonly attempt: number;
  readonly retry: number | null;
  readonly maxTimeMs: number | null;
  readonly deaths: number;
  readonly crashes: number;
  /** must share its process with no other task */
  readonly alone: boolean;
}

export type LeaseState =
  | { readonly state: "held" }
  /** another claim is newer, or the task is finished or gone */
  | { readonly state: "lost" }
  /** still held, and somebody asks for it to be cancelled; the worker is to end it and settle `cancel` */
  | { readonly state: "cancelling"; readonly reason: string; readonly urgent?: true };

export interface Settlement {
  readonly lease: Lease;
  readonly verdict: Verdict;
}

export interface RunReport {
  readonly lease: Lease;
  /** replaces the progress shown so far */
  readonly progress?: Progress | undefined;
  /** added to the task's log */
  readonly lines?: readonly LogLine[] | undefined;
}

export interface LogLine {
  readonly attempt: number;
  /** epoch milliseconds */
  readonly timeMs: number;
  /** `stdout` and `stderr` are what was printed, `log` comes from the task's logger */
  readonly stream: "stdout" | "stderr" | "log";
  readonly text: string;
}

/** `cancelled`: it waited and will never start. `cancelling`: its worker has been told. `finished`: too late. */
export type CancelOutcome = "cancelled" | "cancelling" | "finished";

export interface TaskQuery {
  readonly statuses?: readonly Status[] | undefined;
  readonly taskName?: string | undefined;
  readonly tag?: string | undefined;
  /** created at or after, epoch milliseconds */
  readonly sinceMs?: number | undefined;
  /** the id is a uuid that starts with this; ids of others are found whole only */
  readonly uuidPrefix?: string | undefined;
  /** only what comes after this task in the list, to read on where one look ended; nothing once it is forgotten */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface PruneQuery {
  /** finished before, epoch milliseconds */
  readonly finishedBeforeMs?: number | undefined;
  /** all but the newest (by the time they finished) this many */
  readonly keep?: number | undefined;
  readonly statuses?: readonly Status[] | undefined;
  /** at most so many in one go, the longest finished first; undefined for all */
  readonly limit?: number | undefined;
}

export interface TaskCounts extends Readonly<Record<Status, number>> {
  readonly name: string;
}

/** What waits under one task name. */
export interface WaitingTasks {
  readonly name: string;
  /** one of them could be claimed now */
  readonly isDue: boolean;
  /** the next of those that are not: epoch milliseconds; null when all are due */
  readonly nextDueAtMs: number | null;
  /** that next one has run before and waits for its next attempt */
  readonly nextIsRetry: boolean;
}

export interface WorkerInfo {
  readonly id: string;
  readonly name: string;
  readonly pid: number;
  readonly host: string;
  /** how many tasks it runs at once */
  readonly slots: number;
  readonly busy: number;
  /** names of the tasks it claims */
  readonly tasks: readonly string[];
  /** epoch milliseconds of its start */
  readonly sinceMs: number;
}

export interface BrokerListener {
  /** a task may have become claimable */
  queued?(): void;
  /** a task may have reached an end status; the uuids where the broker can tell */
  settled?(uuids?: readonly string[]): void;
  /** a running task is to be cancelled; the uuids where the broker can tell */
  cancelling?(uuids?: readonly string[]): void;
  /** the storage is gone or was replaced: nothing more can be claimed or stored there */
  failed?(error: Error): void;
}

export type Unsubscribe = () => void;

/** The verbs that code in a child process may use, by messages. Claims and results are its supervisor's alone. */
export type RemoteVerb =
  | "enqueue"
  | "get"
  | "getMany"
  | "list"
  | "counts"
  | "oldestWaiting"
  | "waiting"
  | "logs"
  | "workers"
  | "serverTimeMs"
  | "cancel"
  | "requeue"
  | "prune"
  | "purge";
