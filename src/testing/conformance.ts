import { cancelling } from "./cases/cancelling.js";
import { claiming } from "./cases/claiming.js";
import { connections } from "./cases/connections.js";
import { enqueueing } from "./cases/enqueueing.js";
import { fidelity } from "./cases/fidelity.js";
import { leases } from "./cases/leases.js";
import { pruning } from "./cases/pruning.js";
import { reading } from "./cases/reading.js";
import { reports } from "./cases/reports.js";
import { requeueing } from "./cases/requeueing.js";
import { scheduling } from "./cases/scheduling.js";
import { settling } from "./cases/settling.js";
import { transfer } from "./cases/transfer.js";
import { uniqueKeys } from "./cases/unique-keys.js";
import { wakeUps } from "./cases/wake-ups.js";
import { workers } from "./cases/workers.js";
import { type Case, type OpenedBroker, Stage } from "./stage.js";

export type { OpenedBroker } from "./stage.js";

export interface ConformanceOptions {
  /** stands before the name of each case: the broker's name */
  readonly suite: string;
  /**
   * A broker on a storage of its own that holds no task, opened already. `dispose` is called after each case, also
   * after a failed one, and removes the storage; it is to close the broker and what `second` gave.
   */
  open(): Promise<OpenedBroker>;
  /** the test framework's function: `test` of vitest, jest or `node:test` */
  readonly test: ConformanceTest;
  /** promises that the broker cannot keep: the case's name, and the reason that is shown instead of running it */
  readonly skip?: Readonly<Record<string, string>>;
}

export interface ConformanceTest {
  // A plain function will do; the `skip` of a framework is used when it is there.
  (name: string, run: () => Promise<void>): unknown;
  skip?(name: string, run: () => Promise<void>): unknown;
}

/**
 * Registers every promise of the broker port as a test of its own. Read in a row, the names are the specification.
 * Time is an argument of every verb, so no case sleeps.
 *
 * ```ts
 * import { test } from "vitest";
 * brokerConformance({
 *   suite: "sqlite",
 *   test,
 *   async open() {
 *     const file = await freshFile();
 *     const broker = await connect(file);
 *     return { broker, second: () => connect(file), dispose: () => removeWithConnections(file) };
 *   },
 *   skip: { "name of the case": "why this storage cannot keep the promise" },
 * });
 * ```
 * @throws {Error} when `skip` names a case that does not exist: a skip must not outlive its case
 */
export function brokerConformance(options: ConformanceOptions): void {
  const { suite, test, skip = {} } = options;
  const unknown = Object.keys(skip).filter((name) => !CASES.some((each) => each.name === name));
  if (unknown.length > 0) throw new Error(`No conformance case is called: ${unknown.join("; ")}`);
  for (const each of CASES) {
    const name = `${suite}: ${each.name}`;
    const reason = Object.hasOwn(skip, each.name) ? skip[each.name] : undefined;
    if (reason === undefined) test(name, () => runCase(each, options));
    else skipCase(test, `${name} (skipped: ${reason})`);
  }
}

/** The names that `skip` may use. */
export function brokerCaseNames(): readonly string[] {
  return CASES.map((each) => each.name);
}

const CASES: readonly Case[] = [
  ...enqueueing,
  ...uniqueKeys,
  ...claiming,
  ...scheduling,
  ...settling,
  ...leases,
  ...cancelling,
  ...requeueing,
  ...reports,
  ...reading,
  ...pruning,
  ...workers,
  ...fidelity,
  ...transfer,
  ...connections,
  ...wakeUps,
];

async function runCase(each: Case, options: ConformanceOptions): Promise<void> {
  const opened = await options.open();
  try {
    await each.run(new Stage(opened));
  } finally {
    await opened.dispose();
  }
}

function skipCase(test: ConformanceTest, name: string): void {
  const nothing = async () => {};
  // Frameworks without `skip` show it as passed, but its name still says what it is.
  if (test.skip === undefined) test(name, nothing);
  else test.skip(name, nothing);
}
