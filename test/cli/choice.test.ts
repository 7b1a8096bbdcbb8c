import { describe, expect, test } from "vitest";
import { complaintOf, hasTerminal, INLINE, Project, type Running } from "./project.js";

const many = Array.from(
  { length: 40 },
  (_, n) => `app.task("many.${String(n).padStart(2, "0")}", async () => "many ${n}");`,
);
const project = new Project(
  {
    "tasks/all.mjs": `
import { app } from "qtasks";
app.task("alpha", async () => "alpha ran");
app.task({ name: "beta", description: "the second letter" }, async () => "beta ran");
app.task("mail.send", async (to = "nobody") => "sent to " + to);
app.task("needy", async (what) => what);
${many.join("\n")}`,
  },
  INLINE,
);

const ESC = "\u001b";
const DOWN = `${ESC}[B`;
const UP = `${ESC}[A`;

/** The choice is there, with this line in focus. */
async function focuses(running: Running, name: string): Promise<void> {
  await running.says(new RegExp(`❯ ${name.replace(".", "\\.")}(?![\\w.])`));
}

async function offered(line = "qtasks run --color never"): Promise<Running> {
  const running = project.startOnTerminal(line);
  await running.says(/Enter to choose/);
  return running;
}

describe.skipIf(!hasTerminal)("run without a name, on a terminal", { concurrent: true }, () => {
  test("offers the tasks with their descriptions, and runs the one that Enter chooses", async () => {
    const running = await offered();
    await focuses(running, "alpha");
    await running.says(/beta {2}the second letter/);
    running.type(DOWN);
    await focuses(running, "beta");
    running.type("\r");
    const { code, stdout } = await running.ended;
    expect(stdout).toContain("Which task? beta");
    expect(stdout).toContain("beta ran");
    expect(code).toBe(0);
  });

  test("narrows as one types, by names and descriptions, in any order of words", async () => {
    const running = await offered();
    running.type("letter sec");
    await focuses(running, "beta");
    running.type("\r");
    expect((await running.ended).stdout).toContain("beta ran");
  });

  test("goes round at the ends, and scrolls where the tasks are more than fit", async () => {
    const running = await offered();
    running.type(UP);
    await focuses(running, "needy");
    running.type(UP);
    await focuses(running, "many.39");
    running.type("\r");
    expect((await running.ended).stdout).toContain("many 39");
  });

  test("takes no Enter where nothing fits, and says so", async () => {
    const running = await offered();
    running.type("nothing-like-it");
    await running.says(/nothing-like-it/);
    running.type("\r");
    await running.says(/Nothing fits/);
    running.type("\u0015mail");
    await focuses(running, "mail.send");
    running.type("\r");
    expect((await running.ended).stdout).toContain("sent to nobody");
  });

  test.for([
    ["Ctrl-C", "\u0003"],
    ["Esc", ESC],
    ["Ctrl-D", "\u0004"],
  ] as const)("is left by %s: exit 130, and nothing was queued", async ([, key]) => {
    const own = new Project({ "tasks/all.mjs": project.read("tasks/all.mjs") }, INLINE);
    const running = own.startOnTerminal("qtasks run --color never");
    await running.says(/Enter to choose/);
    running.type(key);
    const { code, stdout } = await running.ended;
    expect(code).toBe(130);
    expect(stdout).not.toContain("error:");
    expect(await own.json(["status"])).toMatchObject({ tasks: [] });
  });

  test("gives the terminal back as it was, with its cursor", async () => {
    const running = project.startOnTerminal("qtasks run; stty -a | grep -o ' -*icanon'");
    await running.says(/Enter to choose/);
    running.type("\u0003");
    const { stdout } = await running.ended;
    expect(stdout).toMatch(/ icanon\r\n$/);
    expect(stdout.lastIndexOf(`${ESC}[?25h`)).toBeGreaterThan(stdout.lastIndexOf(`${ESC}[?25l`));
  });

  test("asks for nothing more: a missing argument is refused as usual", async () => {
    const running = await offered();
    running.type("needy\r");
    const { code, stdout } = await running.ended;
    expect(code).toBe(2);
    expect(stdout).toContain("what is missing");
  });

  test("is not asked with --json, and has no colour with --color never", async () => {
    expect((await project.onTerminal("qtasks run --json")).code).toBe(2);
    const running = await offered();
    running.type("\u0003");
    expect((await running.ended).stdout).not.toMatch(/\u001b\[[0-9;]*m/);
  });
});

describe("run without a name, off a terminal", () => {
  test("is exit 2 with the names", async () => {
    const few = new Project(
      { "tasks/all.mjs": 'import { app } from "qtasks"; app.task("b", () => 1); app.task("a", () => 2);' },
      INLINE,
    );
    const ended = await few.qtasks(["run"]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(complaintOf(ended)).toEqual({ error: "No task was named.", hint: "The tasks are: a, b." });
  });
});
