import { describe, expect, test } from "vitest";
import { type How, hasTerminal, INLINE, Project } from "./project.js";

const ESC = "\u001b";
// Escapes that move, recolour and retitle, a carriage return, a C1 control and a mark that turns text around.
const HOSTILE = `${ESC}[2J${ESC}]0;title\u0007\rover\u009b31m\u202eend`;
const hostile = JSON.stringify(HOSTILE);

const project = new Project(
  {
    "tasks/hostile.mjs": `
import { app } from "qtasks";
const text = ${hostile};
export const says = app.task({ name: "says", description: text, tags: [text] }, async () => text);
export const fails = app.task("fails", async () => { throw new Error(text); });
export const forges = app.task("forges", async () => { throw new Error("first\\nhint: trust me\\nerror: or else"); });
export const prints = app.task("prints", async () => { console.log(text); return 1; });
export const stops = app.task({ name: "stops", echo: true }, async (self) => self.ctx.cancel(text));
export const moves = app.task({ name: "moves", echo: true }, async (self) => {
  self.ctx.progress(1, 2, text);
  await self.ctx.sleep(0.01);
  return { text };
});`,
  },
  INLINE,
);

/** Everything but line ends and tabs that moves a terminal. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const COLOUR = `${ESC}[`;

describe.concurrent("text of a task", () => {
  test("is shown as escapes in the table of `list`, although nobody looks", async () => {
    const { stdout } = await project.qtasks(["list"]);
    expect(stdout).toContain("\\x1b[2J");
    expect(stdout).not.toMatch(CONTROL);
  });

  test("is verbatim as a result on a pipe", async () => {
    expect((await project.qtasks(["run", "says"])).stdout).toBe(`${HOSTILE}\n`);
  });

  test("is shown as escapes in an error on stderr, in `status` and in the log of a worker", async () => {
    // Of its own, since `@last` is the last of all that a project queues.
    const own = new Project({ "tasks/hostile.mjs": project.read("tasks/hostile.mjs") }, INLINE);
    const failed = await own.qtasks(["run", "fails"]);
    expect(failed).toMatchObject({ code: 1, stdout: "" });
    expect(failed.stderr).toContain("\\x1b[2J");
    const { stdout } = await own.qtasks(["status", "@last"]);
    expect(stdout).toContain("\\x9b31m");
    await own.call(["fails"]);
    await own.call(["prints"]);
    const { stderr } = await own.burst();
    expect(stderr.match(/\\x1b\[2J/g)?.length).toBeGreaterThanOrEqual(2);
    for (const text of [failed.stderr, stdout, stderr]) expect(text).not.toMatch(CONTROL);
  });

  test("is shown as escapes in a cancel reason, in progress and in what a task prints", async () => {
    for (const name of ["stops", "moves", "prints"]) {
      const { stderr } = await project.qtasks(["run", name]);
      expect(stderr).toContain("\\u202eend");
      expect(stderr).not.toMatch(CONTROL);
    }
  });

  test("cannot forge a line of ours: further lines of a message are set in", async () => {
    const { stderr } = await project.qtasks(["run", "forges"]);
    expect(stderr).toMatch(
      /^error: forges failed: first\n {2}hint: trust me\n {2}error: or else\nhint: [^\n]*\n$/,
    );
  });
});

describe.concurrent("--json", () => {
  test("is one document whatever a task prints, and what it printed is on stderr", async () => {
    const { stdout, stderr } = await project.qtasks(["run", "prints", "--json"]);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: "success", returning: 1, done: true });
    expect(stderr).toContain("over");
  });

  test("keeps a hostile result as it was", async () => {
    expect(await project.json(["run", "says"])).toMatchObject({ returning: HOSTILE });
  });
});

describe.concurrent("a pipe", () => {
  test("gets no colour and no control character", async () => {
    await project.shell(
      "qtasks list > list.txt; qtasks run moves 2> run.txt; qtasks worker --burst 2> worker.txt",
    );
    const words = ["list.txt", "run.txt", "worker.txt"].map((file) => project.read(file));
    for (const text of words) expect(text).not.toMatch(CONTROL);
    expect(words.every((text) => text.length > 0)).toBe(true);
  });

  test("that closes early ends `list` quietly with 0", async () => {
    const ended = await project.shell("qtasks list | head -1; echo $PIPESTATUS");
    expect(ended.stdout).toMatch(/^NAME[^\n]*\n0\n$/);
    expect(ended.stderr).toBe("");
  });

  test("that nobody reads ends `list` quietly with 0", async () => {
    const ended = await project.shell("{ qtasks list; echo $? > code.txt; } | true");
    expect(ended.stderr).toBe("");
    expect(project.read("code.txt")).toBe("0\n");
  });
});

describe.concurrent("colour", () => {
  const NOBODY = "01900000-0000-7000-8000-000000000000";
  const hasColour = async (words: readonly string[], env: How["env"] = {}) =>
    (await project.qtasks(["status", NOBODY, ...words], { env })).stderr.includes(COLOUR);

  test("is off on a pipe", async () => {
    expect(await hasColour([])).toBe(false);
  });

  test("comes with FORCE_COLOR, unless it says 0", async () => {
    expect(await hasColour([], { FORCE_COLOR: "1" })).toBe(true);
    expect(await hasColour([], { FORCE_COLOR: "0" })).toBe(false);
  });

  test("NO_COLOR is stronger than FORCE_COLOR, and an empty one does not count", async () => {
    expect(await hasColour([], { NO_COLOR: "1", FORCE_COLOR: "1" })).toBe(false);
    expect(await hasColour([], { NO_COLOR: "", FORCE_COLOR: "1" })).toBe(true);
  });

  test("--color is stronger than both", async () => {
    expect(await hasColour(["--color", "always"], { NO_COLOR: "1" })).toBe(true);
    expect(await hasColour(["--color", "never"], { FORCE_COLOR: "1" })).toBe(false);
  });

  test("--color counts for errors too, of the command line itself as well", async () => {
    const { stderr } = await project.qtasks(["lst", "--color=always"]);
    expect(stderr).toContain(`${COLOUR}31merror:`);
    expect((await project.qtasks(["run", "nobody", "--color", "always"])).stderr).toContain(COLOUR);
  });
});

describe.skipIf(!hasTerminal)("on a terminal", { concurrent: true }, () => {
  test("there is colour, unless NO_COLOR says no", async () => {
    expect((await project.onTerminal("qtasks list")).stdout).toContain(`${COLOUR}1mNAME`);
    expect((await project.onTerminal("qtasks list", { env: { NO_COLOR: "1" } })).stdout).not.toContain(
      COLOUR,
    );
  });

  test("colour is decided for stdout and stderr apart", async () => {
    const { stdout } = await project.onTerminal("qtasks list > piped.txt; qtasks run nobody");
    expect(project.read("piped.txt")).not.toContain(COLOUR);
    expect(stdout).toContain(`${COLOUR}31merror:`);
  });

  test("a table fits its width", async () => {
    const { stdout } = await project.onTerminal("qtasks list --color never");
    const lines = stdout.split("\r\n");
    expect(lines.some((line) => line.includes("…"))).toBe(true);
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(100);
  });

  test("a result is shown with escapes, in JSON as well", async () => {
    const own = new Project({ "tasks/hostile.mjs": project.read("tasks/hostile.mjs") }, INLINE);
    const { stdout } = await own.onTerminal("qtasks run says --quiet --color never");
    expect(stdout).toContain("\\x1b[2J");
    expect(stdout).not.toMatch(withoutReturns);
    const json = await own.onTerminal("qtasks result @last --json");
    expect(json.stdout).not.toMatch(withoutReturns);
    expect(JSON.parse(json.stdout)).toMatchObject({ status: "success" });
  });

  test("a spinner turns while a task runs, not with --quiet and not where CI runs", async () => {
    const showCursor = `${ESC}[?25h`;
    expect((await project.onTerminal("qtasks run moves")).stdout).toContain(showCursor);
    expect((await project.onTerminal("qtasks run moves --quiet")).stdout).not.toContain(ESC);
    expect((await project.onTerminal("qtasks run moves", { env: { CI: "true" } })).stdout).not.toContain(
      showCursor,
    );
  });

  test("`call` says what it did beside the uuid, and with --quiet the uuid alone", async () => {
    expect((await project.onTerminal("qtasks call says --color never")).stdout).toMatch(
      /^[0-9a-f-]{36} {2}queued\r$/m,
    );
    expect((await project.onTerminal("qtasks call says --quiet")).stdout).toMatch(/^[0-9a-f-]{36}\r\n$/);
  });
});

/** A terminal puts a carriage return before each line end. */
const withoutReturns = new RegExp(CONTROL.source.replace("\\u000b-\\u001f", "\\u000b\\u000c\\u000e-\\u001f"));
