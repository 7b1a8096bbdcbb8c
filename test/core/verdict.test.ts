import { describe, expect, test } from "vitest";
import type { TaskError } from "../../src/core/record.js";
import { type Judged, judge, judgeDeaths, type Outcome, overtimeError } from "../../src/core/verdict.js";

const NOW_MS = 50_000;
const MAX_CRASHES = 3;
const FAILURE: TaskError = { name: "SmtpError", message: "no route", code: "E_TASK", stack: "at mail.ts:3" };
const first: Judged = { taskName: "mail.send", attempt: 1, retry: 2, maxTimeMs: 1500, crashes: 0 };
const last: Judged = { ...first, attempt: 3 };

const error = (fields: Partial<Extract<Outcome, { kind: "error" }>> = {}): Outcome => ({
  kind: "error",
  error: FAILURE,
  traceback: "whole story",
  retryable: true,
  delayMs: 0,
  ...fields,
});
const crashed = (fields: Partial<Extract<Outcome, { kind: "crashed" }>> = {}): Outcome => ({
  kind: "crashed",
  alone: true,
  detail: "signal SIGSEGV",
  delayMs: 0,
  ...fields,
});
const verdictOn = (outcome: Outcome, task = first) => judge(task, outcome, MAX_CRASHES, NOW_MS);
const ended = (verdict: ReturnType<typeof judge>) => ("error" in verdict ? verdict.error : null);

test("a success is stored with its result, whatever attempt it was", () => {
  const outcome: Outcome = { kind: "success", returning: "[1]" };
  expect(verdictOn(outcome)).toEqual({ status: "success", returning: "[1]" });
  expect(verdictOn(outcome, last)).toEqual({ status: "success", returning: "[1]" });
});

test("a cancellation ends the task with its reason, however many attempts are left", () => {
  expect(verdictOn({ kind: "cancel", reason: "enough" })).toEqual({ status: "cancel", reason: "enough" });
});

test("an interruption puts the task back in line now and gives the attempt back, even the last one", () => {
  const backInLine = {
    status: "new",
    runAtMs: NOW_MS,
    run: "interrupted",
    error: null,
    spent: false,
    crashed: false,
    alone: false,
  };
  expect(verdictOn({ kind: "interrupted" })).toEqual(backInLine);
  expect(verdictOn({ kind: "interrupted" }, last)).toEqual(backInLine);
});

describe("an error", () => {
  test("uses up an attempt and waits for the pause while attempts are left", () => {
    expect(verdictOn(error({ delayMs: 2500 }))).toEqual({
      status: "new",
      runAtMs: NOW_MS + 2500,
      run: "error",
      error: FAILURE,
      spent: true,
      crashed: false,
      alone: false,
    });
  });

  test("of the last attempt ends the task, with the error and its story", () => {
    expect(verdictOn(error(), last)).toEqual({ status: "error", error: FAILURE, traceback: "whole story" });
  });

  test("that is not to be retried ends the task at once", () => {
    expect(verdictOn(error({ retryable: false }))).toMatchObject({ status: "error", error: FAILURE });
  });

  test("ends a task without retries at its first attempt", () => {
    expect(verdictOn(error(), { ...first, retry: 0 }).status).toBe("error");
  });

  test.each([1, 2, 3, 4])(
    "with retry 2, attempt %i is followed by another one only up to the second",
    (attempt) => {
      expect(verdictOn(error(), { ...first, attempt }).status).toBe(attempt <= 2 ? "new" : "error");
    },
  );
});

describe("a run over its time limit", () => {
  test("is an error of code E_MAX_TIME that names the task and the seconds", () => {
    const verdict = verdictOn({ kind: "overtime", retryable: false, delayMs: 0 });
    expect(verdict).toEqual({
      status: "error",
      error: {
        name: "MaxTimeError",
        message: "Time limit exceeded for task mail.send: 1.5 seconds",
        code: "E_MAX_TIME",
        stack: null,
      },
      traceback: null,
    });
    expect(ended(verdict)).toEqual(overtimeError(first));
  });

  test("is retried as an error is: while attempts are left, and it is covered", () => {
    expect(verdictOn({ kind: "overtime", retryable: true, delayMs: 70 })).toMatchObject({
      status: "new",
      runAtMs: NOW_MS + 70,
      spent: true,
      crashed: false,
    });
    expect(verdictOn({ kind: "overtime", retryable: true, delayMs: 0 }, last).status).toBe("error");
  });
});

describe("a process that died", () => {
  test("with the task alone in it is the task's own doing: E_CRASHED, an attempt used up, and counted", () => {
    expect(verdictOn(crashed({ delayMs: 10 }))).toEqual({
      status: "new",
      runAtMs: NOW_MS + 10,
      run: "error",
      error: {
        name: "CrashedError",
        message: "The process that ran mail.send died: signal SIGSEGV.",
        code: "E_CRASHED",
        stack: null,
      },
      spent: true,
      crashed: true,
      alone: false,
    });
  });

  test("for the last allowed time ends the task, however large its retry is", () => {
    const stubborn = { ...first, retry: 1000 };
    expect(verdictOn(crashed(), { ...stubborn, crashes: 1 }).status).toBe("new");
    expect(verdictOn(crashed(), { ...stubborn, crashes: 2 })).toMatchObject({
      status: "error",
      error: { code: "E_CRASHED" },
    });
  });

  test("at the last attempt ends the task", () => {
    expect(verdictOn(crashed(), last).status).toBe("error");
  });

  test("with others in it costs nobody an attempt, and each runs alone from then on", () => {
    expect(verdictOn(crashed({ alone: false }), { ...last, crashes: 99 })).toEqual({
      status: "new",
      runAtMs: NOW_MS,
      run: "interrupted",
      error: null,
      spent: false,
      crashed: false,
      alone: true,
    });
  });
});

test("a task that took too many workers with it is given up before it runs again: E_LOST", () => {
  expect(judgeDeaths(MAX_CRASHES - 1, MAX_CRASHES, "mail.send")).toBeUndefined();
  expect(judgeDeaths(MAX_CRASHES, MAX_CRASHES, "mail.send")).toEqual({
    status: "error",
    error: {
      name: "LostError",
      message: "mail.send was given up: 3 workers died or froze while running it.",
      code: "E_LOST",
      stack: null,
    },
    traceback: null,
  });
});
