import { describe, expect, test } from "vitest";
import { createWorld, type World } from "./world.js";

const DAY_MS = 86_400_000;

describe("a running worker", () => {
  test("forgets what finished longer ago than keepFinished.age, and nothing younger", async () => {
    const world = createWorld({ config: { keepFinished: { age: "7d" } } });
    await finish(world, 2);
    await world.system.advance(8 * DAY_MS);
    await finish(world, 1);
    expect(await finished(world)).toBe(3);
    await workedFor(world, 60_000);
    expect(await finished(world)).toBe(1);
  });

  test("keeps the newest keepFinished.count", async () => {
    const world = createWorld({ config: { keepFinished: { count: 2 } } });
    await finish(world, 5);
    await workedFor(world, 60_000);
    expect(await finished(world)).toBe(2);
  });

  test("forgets more than one piece holds, piece by piece", async () => {
    const world = createWorld({ config: { keepFinished: { count: 1 }, maxTasksProcess: 100 } });
    await finish(world, 1200);
    await workedFor(world, 60_000);
    expect(await finished(world)).toBe(1);
  });

  test("claims go on between the pieces, none of which is more than 500 tasks", async () => {
    const world = createWorld({ config: { keepFinished: { count: 1 } } });
    await finish(world, 1700);
    world.app.task("urgent", () => 1);
    const steps: string[] = [];
    world.app.events.on("taskSuccess", ({ taskName }) => void steps.push(taskName));
    const prune = world.broker.prune.bind(world.broker);
    world.broker.prune = async (query) => {
      const forgotten = await prune(query);
      steps.push(`forgot ${forgotten}`);
      if (forgotten > 0) await world.app.addTask("urgent");
      return forgotten;
    };
    const worker = await world.started();
    for (let turn = 0; turn < 40; turn++) await world.system.advance(25);
    await worker.stop();
    const pieces = steps.filter((step) => /^forgot [1-9]/.test(step));
    expect(pieces.length).toBeGreaterThan(2);
    expect(steps.slice(0, 2 * pieces.length)).toEqual(pieces.flatMap((piece) => [piece, "urgent"]));
    expect(Math.max(...pieces.map((piece) => Number(piece.slice("forgot ".length))))).toBe(500);
  });

  test("forgets nothing with keepFinished: false", async () => {
    const world = createWorld({ config: { keepFinished: false } });
    await finish(world, 3);
    await world.system.advance(400 * DAY_MS);
    await workedFor(world, 60_000);
    expect(await finished(world)).toBe(3);
  });

  test("tells of a queue that cannot forget, and tries again", async () => {
    const world = createWorld({ config: { keepFinished: { count: 0 } } });
    await finish(world, 1);
    const { prune } = world.broker;
    world.broker.prune = () => Promise.reject(new Error("the disk is full"));
    const worker = await world.started();
    await world.system.advance(1000);
    expect(world.faults.map(({ where }) => where)).toContain("forgetting finished tasks");
    world.broker.prune = prune;
    await world.system.advance(60_000);
    expect(await finished(world)).toBe(0);
    await worker.stop();
  });

  test("says nothing of a queue that was closed while it was forgetting", async () => {
    const world = createWorld({ config: { keepFinished: { count: 0 } } });
    await finish(world, 1);
    let close: () => void = () => {};
    world.broker.prune = () =>
      new Promise((_, reject) => {
        close = () => reject(new Error("the queue is not open"));
      });
    const worker = await world.started();
    await world.system.advance(1000);
    await worker.stop();
    close();
    await world.system.advance(1000);
    expect(world.faults).toEqual([]);
  });
});

async function finish(world: World, count: number): Promise<void> {
  if (!world.app.tasks.has("done")) world.app.task("done", () => 1);
  await world.app.addTasks(
    Array.from({ length: count }, () => ({ taskName: "done", args: [], options: {} })),
  );
  await world.work({ name: "filler" });
}

describe("forgetting by hand", () => {
  test("goes in pieces, and leaves others as much time as each takes", async () => {
    const world = createWorld();
    await world.app.addTasks(Array.from({ length: 1200 }, () => ({ taskName: "noop", args: [] })));
    const times: (readonly [fromMs: number, toMs: number, gone: number])[] = [];
    const purge = world.broker.purge.bind(world.broker);
    world.broker.purge = async (limit) => {
      const fromMs = world.system.now().monoMs;
      await new Promise<void>((resolve) => void world.system.timer(7, resolve));
      const gone = await purge(limit);
      times.push([fromMs, world.system.now().monoMs, gone]);
      return gone;
    };
    const purging = world.app.purge();
    for (let ms = 0; ms < 40; ms++) await world.system.advance(1);
    expect(await purging).toBe(1200);
    const [start = 0] = times.map(([fromMs]) => fromMs);
    expect(times.map(([from, to, gone]) => [from - start, to - start, gone])).toEqual([
      [0, 7, 500],
      [14, 21, 500],
      [28, 35, 200],
    ]);
  });
});

async function workedFor(world: World, ms: number): Promise<void> {
  const worker = await world.started();
  await world.system.advance(ms);
  await worker.stop();
}

async function finished(world: World): Promise<number> {
  return (await world.app.counts()).success;
}
