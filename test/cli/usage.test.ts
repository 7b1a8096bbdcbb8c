import { describe, expect, test } from "vitest";
import { complaintOf, INLINE, Project } from "./project.js";

const project = new Project(
  {
    "tasks/mail.mjs": `
import { app } from "qtasks";
export const send = app.task("mail.send", async (to) => to);
export const sort = app.task("mail.sort", async () => 1);
export const digest = app.task("digest", async () => 1);`,
  },
  INLINE,
);

async function refused(words: readonly string[], code = 2) {
  const ended = await project.qtasks(words);
  expect(ended).toMatchObject({ code, stdout: "" });
  return complaintOf(ended);
}

describe.concurrent("a wrong use of the command line", () => {
  test("no command at all is exit 2 and a hint at the help", async () => {
    expect(await refused([])).toEqual({
      error: "No command was given.",
      hint: expect.stringContaining("--help"),
    });
  });

  test("an unknown command is exit 2, and the nearest one is offered", async () => {
    const { error, hint } = await refused(["lst"]);
    expect(error).toContain("unknown command 'lst'");
    expect(hint).toContain("Did you mean list?");
  });

  test("an unknown flag is exit 2, and the nearest one is offered", async () => {
    const { error, hint } = await refused(["call", "digest", "--priorty", "1"]);
    expect(error).toContain("unknown option '--priorty'");
    expect(hint).toContain("Did you mean --priority?");
  });

  test("a flag without its value is exit 2", async () => {
    expect((await refused(["call", "digest", "--priority"])).error).toContain("--priority");
  });

  test("a command without the argument it needs is exit 2", async () => {
    for (const words of [["call"], ["wait"], ["result"]])
      expect((await refused(words)).error).toContain("missing");
  });

  test("values that fit no flag are exit 2 and are named", async () => {
    const wrong = [
      ["list", "--color", "blue"],
      ["call", "digest", "--priority", "1.5"],
      ["call", "digest", "--delay", "soon"],
      ["call", "digest", "--at", "tomorrow"],
      ["worker", "--concurrency", "0"],
      ["worker", "--max-tasks", "none"],
      ["worker", "--isolation", "thread"],
      ["worker", "--log-level", "loud"],
      ["worker", "--name", "a b"],
      ["wait", "0", "--timeout", "x"],
    ];
    const errors = await Promise.all(wrong.map(async (words) => (await refused(words)).error));
    for (const [index, error] of errors.entries()) expect(error).toContain(wrong[index]?.at(-1));
  });

  test("both --delay and --at is exit 2", async () => {
    await refused(["call", "digest", "--delay", "1", "--at", "2040-01-01T00:00:00Z"]);
  });

  test("an unknown task is exit 4, and the nearest names are offered", async () => {
    for (const command of ["call", "run"]) {
      const { error, hint } = await refused([command, "mail.sned", "x"], 4);
      expect(error).toContain('No task is called "mail.sned"');
      expect(hint).toContain("mail.send");
      expect(hint).not.toContain("digest");
    }
  });

  test("an id that none can be, where only qtasks queues, is exit 2", async () => {
    for (const word of ["hello", "@first"]) expect((await refused(["result", word])).error).toContain(word);
  });

  test("with --json the error is the one document on stdout, and people still read it on stderr", async () => {
    const ended = await project.qtasks(["call", "mail.sned", "--json"]);
    expect(ended.code).toBe(4);
    const { error, hint } = complaintOf(ended);
    expect(JSON.parse(ended.stdout)).toEqual({ error: { code: "E_UNKNOWN_TASK", message: error, hint } });
    const usage = await project.qtasks(["--json", "lst"]);
    expect(JSON.parse(usage.stdout)).toMatchObject({ error: { code: "E_USAGE" } });
  });

  test("--verbose adds the stack to an error, and only --verbose", async () => {
    const { stderr } = await project.qtasks(["call", "nothing", "--verbose"]);
    expect(stderr).toMatch(/^\s+at /m);
    complaintOf(await project.qtasks(["call", "nothing"]));
  });
});

describe.concurrent("help", () => {
  test("--help and --version are answers: on stdout, exit 0", async () => {
    const help = await project.qtasks(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const command of ["list", "call", "run", "worker", "status", "wait", "result", "init"])
      expect(help.stdout).toMatch(new RegExp(`^ {2}${command}\\b`, "m"));
    const version = await project.qtasks(["--version"]);
    expect(version).toMatchObject({ code: 0, stderr: "" });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("a command's help lists its flags and the global ones need no project", async () => {
    const empty = new Project({}, INLINE);
    const { code, stdout } = await empty.qtasks(["worker", "--help"]);
    expect(code).toBe(0);
    for (const flag of ["--concurrency", "--burst", "--only", "--max-tasks", "--grace", "--log-format"])
      expect(stdout).toContain(flag);
  });

  test("the help of qtasks explains the exit codes", async () => {
    expect((await project.qtasks(["--help"])).stdout).toContain("124");
  });
});
