import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { hasTerminal, INLINE, Project } from "./project.js";

const ESC = "\u001b";
const SPINNER = /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/;
const COLOUR = new RegExp(`${ESC}\\[[0-9;]*m`);
const MOVES = new RegExp(`${ESC}\\[[0-9;?]*[A-Za-z]`, "g");

const TASKS = `
import { app } from "qtasks";
import { gate } from "../gate.mjs";
app.task(gate);
app.task({ name: "letters", description: "日本語の長い説明 ".repeat(8), tags: ["post"] }, async () => "done");
app.task({ name: "plain", description: "A description that is longer than a narrow terminal is wide" }, async () => 1);
`;

describe.runIf(hasTerminal).concurrent("on a terminal", () => {
  test.each([60, 80, 120])("a table of %s columns fits, wide characters measured", async (columns) => {
    const project = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const { stdout } = await project.onTerminal(`stty cols ${columns}; qtasks list`);
    const lines = stdout.replace(MOVES, "").trimEnd().split(/\r?\n/);
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
    expect(lines.some((line) => line.includes("日本") && line.includes("…"))).toBe(true);
  });

  test("a table on one of 0 columns, which nobody can measure, is not cut", async () => {
    const project = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const { stdout } = await project.onTerminal("stty cols 0; qtasks list");
    expect(stdout).toContain("longer than a narrow terminal is wide");
  });

  test("something turns while a task runs, and Ctrl-C ends it", async () => {
    const project = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const run = project.startOnTerminal("qtasks run gate one; echo exit $?");
    await project.appears("one.began");
    await run.says(SPINNER);
    run.type("\u0003");
    await run.says(/exit 130/);
    await run.ended;
    expect(await project.qtasks(["status", "@last"])).toMatchObject({
      stdout: expect.stringContaining("interrupted"),
    });
  });

  test("a terminal that is made narrower meanwhile disturbs nothing", async () => {
    const project = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const narrow = "(while [ ! -e narrow ]; do sleep 0.02; done; stty cols 20; touch narrowed) &";
    const run = project.startOnTerminal(`${narrow} qtasks run gate one; echo exit $?`);
    await run.says(SPINNER);
    project.write("narrow");
    await project.appears("narrowed");
    await project.appears("one.began");
    project.go("one");
    const { stdout } = await run.ended;
    expect(stdout).toMatch(/exit 0/);
  });

  test.each([
    ["where TERM is dumb", "", { TERM: "dumb" }],
    ["in CI", "", { CI: "true" }],
    ["without columns", "stty cols 0;", {}],
    ["with --quiet", "", {}],
  ])("nothing turns %s", async (what, before, env) => {
    const project = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const flag = what.includes("--quiet") ? "--quiet" : "";
    const run = project.startOnTerminal(`${before} qtasks run gate one ${flag}; echo exit $?`, { env });
    await project.appears("one.began");
    project.go("one");
    const { stdout } = await run.ended;
    expect(stdout).toMatch(/exit 0/);
    expect(stdout).not.toMatch(SPINNER);
  });

  test.each([
    ["a terminal has it", "qtasks list", {}, true],
    ["NO_COLOR takes it away", "qtasks list", { NO_COLOR: "1" }, false],
    ["an empty NO_COLOR does not", "qtasks list", { NO_COLOR: "" }, true],
    ["a dumb terminal has none", "qtasks list", { TERM: "dumb" }, false],
    ["a pipe has none", "qtasks list | cat", {}, false],
    ["FORCE_COLOR gives it to a pipe", "qtasks list | cat", { FORCE_COLOR: "1" }, true],
    ["NO_COLOR is stronger than FORCE_COLOR", "qtasks list", { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
    ["--color is stronger than both", "qtasks list --color always | cat", { NO_COLOR: "1" }, true],
    ["--color never is stronger than FORCE_COLOR", "qtasks list --color never", { FORCE_COLOR: "1" }, false],
  ])("colour: %s", async (_, line, env, isColoured) => {
    const project = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const { stdout } = await project.onTerminal(line, { env });
    expect(stdout).toContain("letters");
    expect(COLOUR.test(stdout)).toBe(isColoured);
  });
});
