import { expect, test } from "vitest";
import { MemoryBroker } from "../../src/brokers/memory/broker.js";
import type { ClaimRequest, Lease, LeaseState, Settlement } from "../../src/ports/broker.js";
import type { Moment } from "../../src/ports/system.js";
import { brokerCaseNames, brokerConformance } from "../../src/testing/index.js";

test("names every promise once", () => {
  const names = brokerCaseNames();
  expect(names.length).toBeGreaterThan(100);
  expect(new Set(names).size).toBe(names.length);
});

test("registers a skipped case as a skip that gives the reason", async () => {
  const skipped: string[] = [];
  const registered: string[] = [];
  const framework = Object.assign((name: string) => registered.push(name), {
    skip: (name: string) => skipped.push(name),
  });
  const skip = { "may be closed twice": "it cannot be closed" };
  brokerConformance({ suite: "toy", test: framework, open: neverOpened, skip });
  expect(skipped).toEqual(["toy: may be closed twice (skipped: it cannot be closed)"]);
  expect(registered).toHaveLength(brokerCaseNames().length - 1);
});

test("shows the reason also where the framework knows no skip", () => {
  const registered: string[] = [];
  const skip = { "may be closed twice": "it cannot be closed" };
  brokerConformance({ suite: "toy", test: (name) => registered.push(name), open: neverOpened, skip });
  expect(registered).toContain("toy: may be closed twice (skipped: it cannot be closed)");
});

test("refuses a skip of a case that does not exist", () => {
  const skip = { "no such promise": "never mind" };
  expect(() => brokerConformance({ suite: "toy", test: () => {}, open: neverOpened, skip })).toThrow(
    "no such promise",
  );
});

test("disposes of the storage after every case, also after one that failed", async () => {
  let open = 0;
  const count = (by: 1 | -1) => {
    open += by;
  };
  expect(await failuresOf(MemoryBroker, [LIMIT, STALE], count)).toEqual([]);
  expect(open).toBe(0);
  expect(await failuresOf(Greedy, [LIMIT, STALE], count)).toEqual([LIMIT]);
  expect(open).toBe(0);
});

test("fails a broker that lets a stale worker write", async () => {
  expect(await failuresOf(Unfenced, [STALE, LIMIT])).toEqual([STALE]);
});

test("fails a broker that measures leases by the wall clock", async () => {
  expect(await failuresOf(WallClocked, [WALL_CLOCK, LIMIT])).toEqual([WALL_CLOCK]);
});

const LIMIT = "takes at most as many as asked for, and goes on where it stopped";
const STALE = "says no once another worker holds the task: nothing of the stale run is written";
const WALL_CLOCK = "lets no wall clock end a lease, however far it jumps";

class Unfenced extends MemoryBroker {
  readonly #newest = new Map<string, Lease>();

  override async claim(request: ClaimRequest) {
    const claimed = await super.claim(request);
    for (const { lease } of claimed.claims) this.#newest.set(lease.uuid, lease);
    return claimed;
  }

  override settle(settlements: readonly Settlement[], now: Moment) {
    const newest = ({ lease, verdict }: Settlement) => ({
      lease: this.#newest.get(lease.uuid) ?? lease,
      verdict,
    });
    return super.settle(settlements.map(newest), now);
  }
}

class WallClocked extends MemoryBroker {
  override claim(request: ClaimRequest) {
    return super.claim({ ...request, now: wallOnly(request.now) });
  }

  override extend(leases: readonly Lease[], leaseMs: number, now: Moment): Promise<readonly LeaseState[]> {
    return super.extend(leases, leaseMs, wallOnly(now));
  }
}

class Greedy extends MemoryBroker {
  override claim(request: ClaimRequest) {
    return super.claim({ ...request, limit: request.limit + 1 });
  }
}

function wallOnly(now: Moment): Moment {
  return { ...now, monoMs: now.wallMs };
}

async function neverOpened(): Promise<never> {
  throw new Error("nothing is run here");
}

/** Runs some cases of the suite; resolves to the names of those that failed. */
async function failuresOf(
  Broker: new () => MemoryBroker,
  names: readonly string[],
  onOpen: (by: 1 | -1) => void = () => {},
): Promise<readonly string[]> {
  const failed: string[] = [];
  const runs: Promise<void>[] = [];
  brokerConformance({
    suite: "sabotaged",
    test: (name, run) => {
      const short = name.replace("sabotaged: ", "");
      if (names.includes(short)) runs.push(run().catch(() => void failed.push(short)));
    },
    async open() {
      onOpen(1);
      return { broker: new Broker(), dispose: async () => onOpen(-1) };
    },
  });
  await Promise.all(runs);
  return failed;
}
