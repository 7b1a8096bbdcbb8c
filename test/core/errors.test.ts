import { describe, expect, test } from "vitest";
import * as errors from "../../src/core/errors.js";

const { isQTasksError, QTasksError } = errors;

describe("every error has a code, a message with the values at hand, a name and, where there is one, a hint", () => {
  test.each<[errors.QTasksError, string, RegExp]>([
    [new errors.ConfigError("broker is 5.", "Give a URL."), "E_CONFIG", /broker is 5/],
    [new errors.LoadError("tasks/a.ts:3 failed."), "E_LOAD", /a\.ts:3/],
    [new errors.BadOptionError("retry is -1."), "E_BAD_OPTION", /-1/],
    [new errors.DuplicateTaskError("a", "x.ts:1", "y.ts:2"), "E_DUPLICATE_TASK", /"a".*x\.ts:1.*y\.ts:2/],
    [new errors.NotJsonError("args[0]", "NaN"), "E_NOT_JSON", /args\[0\] is NaN/],
    [new errors.TooLargeError("args", 11, 10), "E_TOO_LARGE", /11 bytes.*10/],
    [new errors.UnknownTaskError("mial", "Did you mean mail?"), "E_UNKNOWN_TASK", /"mial"/],
    [new errors.UnknownIdError("0189"), "E_UNKNOWN_ID", /0189/],
    [new errors.MaxTimeError("a", 2), "E_MAX_TIME", /^Time limit exceeded for task a: 2 seconds$/],
    [new errors.DecodeError("a", new Error("bad")), "E_DECODE", /decode of a failed: bad/],
    [new errors.DecodeError("a", Object.create(null)), "E_DECODE", /decode of a failed: /],
    [
      new errors.TaskFailedError("0189", "a", { code: "ENOENT", message: "gone" }),
      "ENOENT",
      /a failed: gone/,
    ],
    [new errors.TaskCancelledError("a", "enough"), "E_CANCELLED", /a was cancelled: enough/],
    [new errors.WaitTimeoutError("0189", "new"), "E_WAIT_TIMEOUT", /0189.*"new"/],
    [new errors.BrokerError("E_BROKER_BUSY", "locked"), "E_BROKER_BUSY", /locked/],
  ])("%s", (error, code, message) => {
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.name).toBe(error.constructor.name);
    expect(error).toBeInstanceOf(QTasksError);
    expect(error).toBeInstanceOf(Error);
  });
});

test("a refused input lists each field that is wrong on a line of its own", () => {
  const error = new errors.InputError("mail.send", [
    { path: "to", message: "Required" },
    { path: "", message: "Unexpected" },
  ]);
  expect(error.message).toBe("mail.send refuses its input:\n  to: Required\n  input: Unexpected");
  expect(error.issues).toHaveLength(2);
});

test("a cause is kept, and there is none where none was given", () => {
  const cause = new Error("below");
  expect(new QTasksError("E_X", "above", { cause }).cause).toBe(cause);
  expect("cause" in new QTasksError("E_X", "above")).toBe(false);
});

test("an error of another copy of the package is known by its shape", () => {
  expect(isQTasksError(Object.assign(new Error("x"), { code: "E_CONFIG", hint: undefined }))).toBe(true);
  expect(isQTasksError(Object.assign(new Error("x"), { code: "ENOENT", hint: "" }))).toBe(false);
  expect(isQTasksError(Object.assign(new Error("x"), { code: "E_CONFIG" }))).toBe(false);
  expect(isQTasksError({ code: "E_CONFIG", hint: "x" })).toBe(false);
});
