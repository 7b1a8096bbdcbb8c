import { validate, version } from "uuid";
import { expect, test } from "vitest";
import { virtualSystem } from "../../src/testing/index.js";

test("lets time stand still until it is moved", async () => {
  const system = virtualSystem({ wallMs: 5000, monoMs: 100, bootId: "boot" });
  expect(system.now()).toEqual({ wallMs: 5000, monoMs: 100, bootId: "boot" });
  await system.advance(250);
  expect(system.now()).toEqual({ wallMs: 5250, monoMs: 350, bootId: "boot" });
});

test("calls timers back in the order they fall due, those set first among equals, each at its time", async () => {
  const system = virtualSystem({ monoMs: 0 });
  const calls: string[] = [];
  for (const [name, delayMs] of [
    ["late", 300],
    ["early", 100],
    ["twin", 100],
    ["later", 301],
  ] as const) {
    system.timer(delayMs, () => calls.push(`${name} at ${system.now().monoMs}`));
  }
  await system.advance(99);
  expect(calls).toEqual([]);
  await system.advance(201);
  expect(calls).toEqual(["early at 100", "twin at 100", "late at 300"]);
  expect(system.pendingTimers).toBe(1);
});

test("calls back, in the same move, timers that a callback's consequences set", async () => {
  const system = virtualSystem({ monoMs: 0 });
  const ticks: number[] = [];
  const tick = async () => {
    await Promise.resolve();
    await Promise.resolve();
    ticks.push(system.now().monoMs);
    system.timer(10, tick);
  };
  system.timer(10, tick);
  await system.advance(35);
  expect(ticks).toEqual([10, 20, 30]);
  expect(system.now().monoMs).toBe(35);
});

test("settles what a timer set off before it resolves", async () => {
  const system = virtualSystem();
  let done = false;
  system.timer(10, async () => {
    for (let turn = 0; turn < 50; turn++) await null;
    done = true;
  });
  await system.advance(10);
  expect(done).toBe(true);
});

test("calls a timer without delay back at the next move, also by nothing", async () => {
  const system = virtualSystem();
  const calls: string[] = [];
  system.timer(0, () => calls.push("zero"));
  system.timer(-5, () => calls.push("negative"));
  expect(calls).toEqual([]);
  await system.advance(0);
  expect(calls).toEqual(["zero", "negative"]);
});

test("does not call back a timer that was cancelled, also by a timer of the same instant", async () => {
  const system = virtualSystem();
  const calls: string[] = [];
  const cancel = system.timer(10, () => calls.push("cancelled"));
  cancel();
  cancel();
  system.timer(20, () => cancelTwin());
  const cancelTwin = system.timer(20, () => calls.push("twin"));
  await system.advance(100);
  expect(calls).toEqual([]);
  expect(system.pendingTimers).toBe(0);
});

test("jumps the wall clock without the monotonic one or any timer noticing", async () => {
  const system = virtualSystem({ wallMs: 10_000, monoMs: 0 });
  let called = false;
  system.timer(1000, () => {
    called = true;
  });
  system.jumpWallClock(3_600_000);
  await system.advance(999);
  expect(called).toBe(false);
  system.jumpWallClock(-7_200_000);
  await system.advance(1);
  expect(called).toBe(true);
  expect(system.now()).toMatchObject({ wallMs: 10_000 - 3_600_000 + 1000, monoMs: 1000 });
});

test("throws the same dice for the same seed, evenly", () => {
  const throws = (seed: number) => {
    const { random } = virtualSystem({ seed });
    return Array.from({ length: 1000 }, () => random());
  };
  const dice = throws(7);
  expect(throws(7)).toEqual(dice);
  expect(throws(8)).not.toEqual(dice);
  expect(dice.every((die) => die >= 0 && die < 1)).toBe(true);
  const mean = dice.reduce((sum, die) => sum + die, 0) / dice.length;
  expect(mean).toBeGreaterThan(0.45);
  expect(mean).toBeLessThan(0.55);
});

test("makes UUIDv7s that rise, also when the wall clock goes back", () => {
  const system = virtualSystem();
  const ids = [system.newId(), system.newId()];
  system.jumpWallClock(-86_400_000);
  ids.push(system.newId());
  system.jumpWallClock(2 * 86_400_000);
  ids.push(system.newId());
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect([...new Set(ids)].sort()).toEqual(ids);
});
