import { describe, expect, test } from "vitest";
import { MemoryBroker } from "../../src/brokers/memory/broker.js";
import type { MemoryStorage } from "../../src/brokers/memory/storage.js";
import { createGate, createWorld, turns } from "./world.js";

const NOTHING = { succeeded: 0, failed: 0, cancelled: 0, interrupted: 0 };

function slotWorld(options: Parameters<typeof createWorld>[0] = {}) {
  const world = createWorld(options);
  const runs: string[] = [];
  const note = world.app.task("note", async (text: string) => void runs.push(text));
  const fail = world.app.task("fail", async () => Promise.reject(new Error("x")));
  const sleep = world.app.task({ name: "sleep", echo: true }, async ({ ctx }, seconds: number) => {
    await ctx.sleep(seconds);
    runs.push(`slept ${seconds}`);
  });
  return { ...world, runs, note, fail, sleep };
}

describe("a worker for a burst", () => {
  test("runs what is due and stops by itself, telling what it did", async () => {
    const { app, note, fail, work, runs } = slotWorld();
    await app.addTasks([note("a"), fail(), note("b")]);
    expect(await work()).toEqual({ ...NOTHING, succeeded: 2, failed: 1 });
    expect(runs).toEqual(["a", "b"]);
  });

  test("stops at once where nothing is due", async () => {
    const { note, work, system } = slotWorld();
    await note.with({ delay: 60 }).addTask("later");
    const before = system.now();
    expect(await work()).toEqual(NOTHING);
    expect(system.now()).toEqual(before);
  });

  test("waits for the retries of what it ran", async () => {
    const { app, work, task } = slotWorld();
    const flaky = app.task({ name: "flaky", retry: 2, retryDelay: 30 }, async () =>
      Promise.reject(new Error("x")),
    );
    const { uuid } = await flaky.addTask();
    expect(await work()).toEqual({ ...NOTHING, failed: 1 });
    expect((await task(uuid)).attempt).toBe(3);
  });

  test("runs what its tasks queue", async () => {
    const { app, note, work, runs } = slotWorld();
    const parent = app.task("parent", async () => void (await note.addTask("child")));
    await parent.addTask();
    await work({ concurrency: 1 });
    expect(runs).toEqual(["child"]);
  });

  test("does not wait for a retry that somebody cancelled", async () => {
    const { app, started, system } = slotWorld();
    const flaky = app.task({ name: "flaky", retry: 1, retryDelay: 30 }, async () =>
      Promise.reject(new Error("x")),
    );
    const { uuid } = await flaky.addTask();
    const worker = await started({ burst: true });
    await turns();
    await app.cancel(uuid);
    await system.advance(2000);
    expect(await worker.stopped).toEqual(NOTHING);
  });
});

describe("a worker", () => {
  test("with maxTasks stops after so many runs, and leaves the rest", async () => {
    const { app, note, during, started, runs } = slotWorld();
    await app.addTasks(["a", "b", "c", "d"].map((text) => note(text)));
    const worker = await started({ maxTasks: 3 });
    expect(await during(worker.stopped)).toEqual({ ...NOTHING, succeeded: 3 });
    expect(runs).toEqual(["a", "b", "c"]);
    expect(await app.counts()).toMatchObject({ new: 1, success: 3 });
  });

  test("with maxTasks waits for them where there are none yet, however slow the broker is", async () => {
    class Slow extends MemoryBroker {
      override async claim(request: Parameters<MemoryBroker["claim"]>[0]) {
        await turns(5);
        return await super.claim(request);
      }
    }
    const { note, during, app, runs } = slotWorld({ broker: (storage: MemoryStorage) => new Slow(storage) });
    const worker = app.createWorker({ maxTasks: 1 });
    const starting = worker.start();
    await note.with({ delay: 5 }).addTask("late");
    await starting;
    expect(worker.engine.state).toBe("running");
    expect(await during(worker.stopped)).toEqual({ ...NOTHING, succeeded: 1 });
    expect(runs).toEqual(["late"]);
  });

  test("with `only` runs these tasks and no others", async () => {
    const { app, note, fail, work } = slotWorld();
    await app.addTasks([note("a"), fail()]);
    expect(await work({ only: ["note"] })).toEqual({ ...NOTHING, succeeded: 1 });
    expect(await app.countsByTask()).toMatchObject([
      { name: "fail", new: 1 },
      { name: "note", success: 1 },
    ]);
  });

  test("that is focused runs the task it was given, ahead of all, and what that waits for, and no other", async () => {
    const { app, note, started, runs } = slotWorld();
    await note.with({ priority: -9 }).addTask("other");
    const worker = await started({ focused: true });
    const { uuid } = await app.addTaskFor(worker, { taskName: "note", args: ["mine"], options: {} });
    expect((await app.wait(uuid, 5)).status).toBe("success");
    await turns();
    expect(runs).toEqual(["mine"]);
    await worker.stop();
    expect(await app.counts()).toMatchObject({ new: 1, success: 1 });
  });

  test("that is focused runs also what its task waits for", async () => {
    const world = createWorld();
    const child = world.app.task("child", async (n: number) => n * 2);
    world.app.task("parent", async () => await (await child.with({ timeout: 60 }).addTask(21)).value());
    const other = await child.addTask(1);
    const worker = await world.started({ focused: true, concurrency: 1 });
    const { uuid } = await world.app.addTaskFor(worker, { taskName: "parent", args: [], options: {} });
    expect((await world.during(world.app.wait(uuid))).returning).toBe(42);
    expect((await world.task(other.uuid)).status).toBe("new");
  });

  test("is woken by a new task, without time moving on, also one of another process", async () => {
    const { started, runs, system, storage } = slotWorld();
    await started();
    const before = system.now();
    await createWorld({ storage, pid: 2 }).app.addTask("note", ["from afar"]);
    await turns();
    expect(runs).toEqual(["from afar"]);
    expect(system.now()).toEqual(before);
  });

  test("finds a task whose wake-up was lost at its next safety poll", async () => {
    const { broker, note, started, runs, system } = slotWorld();
    broker.subscribe = async () => () => {};
    await started();
    await note.addTask("a");
    await turns();
    expect(runs).toEqual([]);
    await system.advance(1000);
    await turns();
    expect(runs).toEqual(["a"]);
  });

  test("runs a task that becomes due at its time, not at the next poll", async () => {
    const { note, started, runs, system } = slotWorld({ config: { resultTimeInterval: 60 } });
    await note.with({ delay: 2 }).addTask("a");
    await started();
    await system.advance(1999);
    expect(runs).toEqual([]);
    await system.advance(1);
    await turns();
    expect(runs).toEqual(["a"]);
  });

  test("is entered among the workers while it runs, with what it does", async () => {
    const { app, started, system } = slotWorld();
    const gate = createGate();
    app.task("held", () => gate.opened);
    await app.addTask("held");
    const worker = await started({ concurrency: 3 });
    await turns();
    await system.advance(5000);
    expect(await app.workers()).toEqual([
      {
        id: expect.any(String),
        name: "w-1",
        pid: 1,
        host: "here",
        slots: 3,
        busy: 1,
        tasks: ["note", "fail", "sleep", "held"],
        sinceMs: Date.UTC(2026, 0, 1),
      },
    ]);
    gate.open();
    await worker.stop();
    expect(await app.workers()).toEqual([]);
  });

  test("stays entered for as long as it lives", async () => {
    const { app, started, system } = slotWorld();
    await started();
    await system.advance(600_000);
    expect(await app.workers()).toHaveLength(1);
  });

  test("is called by its host and process where it has no name", async () => {
    const { app } = slotWorld();
    await app.worker.start();
    expect(await app.workers()).toMatchObject([{ name: "here-1" }]);
    await app.worker.stop();
  });

  test("starts once: a second start changes nothing", async () => {
    const world = slotWorld();
    const events = world.record("workerRunning");
    await world.app.worker.start();
    await world.app.worker.start();
    expect(events).toHaveLength(1);
    expect(world.app.worker).toBe(world.app.worker);
  });
});

describe("stopping", () => {
  test("claims no more, lets what runs end, and resolves then", async () => {
    const { app, note, sleep, started, during, runs } = slotWorld();
    await sleep.addTask(3);
    const worker = await started({ concurrency: 2 });
    await turns();
    const stopping = worker.stop();
    await note.addTask("too late");
    await during(stopping);
    expect(runs).toEqual(["slept 3"]);
    expect(await app.counts()).toMatchObject({ new: 1, success: 1, process: 0 });
    expect(await worker.stopped).toEqual({ ...NOTHING, succeeded: 1 });
  });

  test("leaves no timer and no subscription behind", async () => {
    const { note, started, system, storage } = slotWorld();
    const worker = await started();
    await note.addTask("a");
    await turns();
    await worker.stop();
    expect(system.pendingTimers).toBe(0);
    expect(storage.listeners.size).toBe(0);
  });

  test("aborts after the grace what still runs: it goes back in line with its attempt given back", async () => {
    const world = slotWorld({ config: { grace: 5 } });
    const events = world.record("taskStopping", "taskInterrupted", "taskRetry", "taskError");
    const { uuid } = await world.sleep.addTask(600);
    const worker = await world.started();
    await turns();
    const beforeMs = world.system.now().monoMs;
    await world.during(worker.stop());
    expect(world.system.now().monoMs - beforeMs).toBe(5000);
    expect(await world.task(uuid)).toMatchObject({
      status: "new",
      attempt: 0,
      error: null,
      history: [{ attempt: 1, status: "interrupted", error: null }],
    });
    expect(await worker.stopped).toEqual({ ...NOTHING, interrupted: 1 });
    expect(events.map(({ name, event }) => [name, "reason" in event ? event.reason : null])).toEqual([
      ["taskStopping", "shutdown"],
      ["taskInterrupted", null],
    ]);
  });

  test("with a grace of its own takes that, 0 at once", async () => {
    const { sleep, started, during, system, task } = slotWorld();
    const { uuid } = await sleep.addTask(600);
    const worker = await started();
    await turns();
    const before = system.now();
    await during(worker.stop(0));
    expect(system.now()).toEqual(before);
    expect((await task(uuid)).status).toBe("new");
  });

  test("a second time may shorten the grace", async () => {
    const { sleep, started, during, system } = slotWorld();
    await sleep.addTask(600);
    const worker = await started();
    await turns();
    const first = worker.stop(60);
    await system.advance(1000);
    const beforeMs = system.now().monoMs;
    const second = worker.stop(2);
    await during(Promise.all([first, second]));
    expect(system.now().monoMs - beforeMs).toBe(2000);
  });

  test("gives up on what does not listen after killGrace", async () => {
    const { app, started, during, task } = slotWorld({ config: { grace: 1, killGrace: 2 } });
    const deaf = app.task("deaf", async () => await new Promise(() => {}));
    const { uuid } = await deaf.addTask();
    const worker = await started();
    await turns();
    await during(worker.stop());
    expect(await task(uuid)).toMatchObject({ status: "new", history: [{ status: "interrupted" }] });
  });

  test("a task interrupted by a stop runs again elsewhere, whatever its retry", async () => {
    const { sleep, started, during, storage, task } = slotWorld();
    const { uuid } = await sleep.with({ retry: 0 }).addTask(600);
    const worker = await started();
    await turns();
    await during(worker.stop(0));
    const other = createWorld({ storage, pid: 2 });
    other.app.task("sleep", async () => "quickly");
    await other.work();
    expect(await task(uuid)).toMatchObject({ status: "success", attempt: 1, returning: "quickly" });
  });

  test("before it was started is done at once", async () => {
    const { app } = slotWorld();
    await app.worker.stop();
    expect(await app.worker.stopped).toEqual(NOTHING);
  });

  test("while a claim is under way puts back what it brings", async () => {
    const gate = createGate();
    class Slow extends MemoryBroker {
      override async claim(request: Parameters<MemoryBroker["claim"]>[0]) {
        const claimed = await super.claim(request);
        if (claimed.claims.length > 0) await gate.opened;
        return claimed;
      }
    }
    const { note, app, runs, during, task } = slotWorld({
      broker: (storage: MemoryStorage) => new Slow(storage),
    });
    const { uuid } = await note.addTask("a");
    const worker = app.createWorker();
    const starting = worker.start();
    await turns();
    const stopping = worker.stop(0);
    gate.open();
    await during(stopping);
    await starting;
    expect(runs).toEqual([]);
    expect(await task(uuid)).toMatchObject({ status: "new", attempt: 0 });
  });

  test.each(["subscribe", "beat"] as const)("while it starts (at %s) leaves nothing behind", async (verb) => {
    const { app, broker, during, system, storage } = slotWorld();
    const gate = createGate();
    const call = broker[verb].bind(broker) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(broker, {
      async [verb](...args: unknown[]) {
        await gate.opened;
        return await call(...args);
      },
    });
    const worker = app.createWorker();
    const starting = worker.start();
    await turns();
    const stopping = worker.stop();
    await turns();
    gate.open();
    await during(Promise.all([starting, stopping]));
    await turns();
    expect(system.pendingTimers).toBe(0);
    expect(storage.listeners.size).toBe(0);
    expect(await app.workers()).toEqual([]);
  });
});

describe("runForever", () => {
  test("works until a signal, and resolves when it has stopped", async () => {
    const { app, note, signal, during, runs, sleep } = slotWorld();
    let isOver = false;
    const working = app.runForever().then(() => {
      isOver = true;
    });
    await turns();
    await note.addTask("a");
    await sleep.addTask(2);
    await turns();
    expect([runs, isOver]).toEqual([["a"], false]);
    signal();
    await during(working);
    expect(runs).toEqual(["a", "slept 2"]);
  });

  test("aborts what runs at the second signal", async () => {
    const { app, signal, during, sleep, system, task } = slotWorld();
    const working = app.runForever();
    await turns();
    const { uuid } = await sleep.addTask(600);
    await turns();
    const before = system.now();
    signal();
    await turns();
    signal();
    await during(working);
    expect(system.now()).toEqual(before);
    expect((await task(uuid)).status).toBe("new");
    signal();
  });
});

describe("a broker that fails", () => {
  test("at claiming is reported, and asked again at the next poll", async () => {
    const { broker, note, started, system, faults, runs } = slotWorld();
    const { claim } = broker;
    const failure = new Error("locked");
    broker.claim = async () => {
      throw failure;
    };
    await started();
    await note.addTask("a");
    await turns();
    expect(runs).toEqual([]);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults[0]).toEqual({ where: "claiming tasks", error: failure });
    broker.claim = claim;
    await system.advance(1000);
    await turns();
    expect(runs).toEqual(["a"]);
  });

  test.each([false, true])(
    "at storing a result keeps it and stores it later, in a burst too (%s)",
    async (burst) => {
      const world = slotWorld();
      const success = world.record("taskSuccess");
      const { settle } = world.broker;
      let tries = 0;
      const failure = new Error("disk full");
      world.broker.settle = async () => {
        tries += 1;
        throw failure;
      };
      const { uuid } = await world.note.addTask("a");
      await world.started({ burst });
      await turns(50);
      expect(tries).toBe(1);
      expect(world.faults).toEqual([{ where: "storing results", error: failure }]);
      expect([(await world.task(uuid)).status, success.length]).toEqual(["process", 0]);
      // Its lease is kept meanwhile: nobody else takes it.
      await world.system.advance(60_000);
      const other = createWorld({ storage: world.storage, pid: 2 });
      other.app.task("note", async () => "by another");
      await other.system.advance(60_000);
      expect(await other.work()).toEqual(NOTHING);
      world.broker.settle = settle;
      await world.system.advance(1000);
      await turns();
      expect(await world.task(uuid)).toMatchObject({ status: "success", attempt: 1, returning: null });
      expect(success).toHaveLength(1);
      expect(world.runs).toEqual(["a"]);
    },
  );

  test("at its heartbeat, at leases or at progress is reported, and the task runs on", async () => {
    const world = slotWorld();
    const fails = async () => {
      throw new Error("no connection");
    };
    const task = world.app.task({ name: "task", echo: true }, async ({ ctx }) => {
      ctx.progress(1);
      await ctx.sleep(6);
      return "done";
    });
    const { uuid } = await task.addTask();
    const worker = await world.started();
    world.broker.extend = fails;
    world.broker.beat = fails;
    world.broker.report = fails;
    await world.system.advance(6000);
    await world.during(worker.stop());
    expect((await world.task(uuid)).returning).toBe("done");
    expect(new Set(world.faults.map(({ where }) => where))).toEqual(
      new Set(["extending leases", "the worker's heartbeat", "storing progress and output"]),
    );
  });

  test("for good is reported", async () => {
    const { started, storage, faults } = slotWorld();
    await started();
    const gone = new Error("the file was deleted");
    for (const listener of storage.listeners) listener.failed?.(gone);
    expect(faults).toEqual([{ where: "the broker", error: gone }]);
  });
});
