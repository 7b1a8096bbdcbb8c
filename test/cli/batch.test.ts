import { mkdirSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { complaintOf, hasTerminal, INLINE, Project } from "./project.js";

const TASKS = `
import { app } from "qtasks";
const validate = (value) =>
  typeof value?.n === "number" ? { value } : { issues: [{ message: "a number is wanted", path: ["n"] }] };
const input = { "~standard": { version: 1, vendor: "test", validate } };
app.task({ name: "typed", input }, async (given) => given);
app.task("any", async (...args) => args);`;

/** Lets a batch go on at its n-th look at a line only when the test says so: each line is looked at twice. */
const GATED = (n: number) => `
import { existsSync, writeFileSync } from "node:fs";
let looks = 0;
const setup = (host) => host.onQueue(async () => {
  looks += 1;
  if (looks !== ${n}) return;
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => writeFileSync("gate.told", ""));
  writeFileSync("gate.began", "");
  while (!existsSync("gate.go")) await new Promise((resolve) => setTimeout(resolve, 10));
});
export default { plugins: [{ name: "gate", setup }] };`;

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => `${line(index)}\n`).join("");
}

const numbered = (count: number) => lines(count, (n) => `{"n":${n}}`);

async function counts(own: Project): Promise<unknown> {
  return (await own.json<{ counts: unknown }>(["status"])).counts;
}

describe.concurrent("a batch", () => {
  test("is checked as a whole first: the line that the schema refuses is named, and nothing is stored", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const stdin = `${numbered(1200)}{"n":"many"}\n`;
    const ended = await own.qtasks(["call", "typed", "--batch", "-"], { stdin });
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    const { error, hint } = complaintOf(ended);
    expect(error).toContain("Line 1201 of the batch cannot be used: typed refuses its input:");
    expect(ended.stderr).toContain("\n  n: a number is wanted\n");
    expect(hint).toContain("Nothing was queued");
    expect(await counts(own)).toMatchObject({ new: 0 });
  });

  test("names a line that is too large, no JSON or no UTF-8, and stores nothing", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, { ...INLINE, QTASKS_MAX_PAYLOAD: "100" });
    const wrong = [
      [`["${"x".repeat(200)}"]`, "204 bytes"],
      ["x".repeat(2_000_000), "longer than"],
      ["[1, 2", "not JSON"],
    ] as const;
    for (const [line, why] of wrong) {
      const ended = await own.qtasks(["call", "any", "--batch", "-"], { stdin: `[1]\n\n${line}\n[2]\n` });
      expect(ended).toMatchObject({ code: 2, stdout: "" });
      expect(complaintOf(ended).error).toMatch(new RegExp(`^Line 3 of the batch cannot be used: .*${why}`));
    }
    const bytes = await own.shell("printf '[1]\\n[\"\\377\"]\\n' | qtasks call any --batch -");
    expect(complaintOf(bytes).error).toContain("Line 2 of the batch cannot be used: it is not UTF-8");
    expect(await counts(own)).toMatchObject({ new: 0 });
  });

  test("from a pipe is read as well, and leaves no temporary file behind", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS, "some.ndjson": numbered(3) }, INLINE);
    mkdirSync(own.path("tmp"));
    const how = { env: { TMPDIR: own.path("tmp") } };
    expect(await own.shell("cat some.ndjson | qtasks call typed --batch -", how)).toMatchObject({
      stdout: "3\n",
    });
    expect(await own.shell("qtasks call typed --batch <(cat some.ndjson)", how)).toMatchObject({
      stdout: "3\n",
    });
    expect(await own.qtasks(["call", "typed", "--batch", "-"], { ...how, stdin: "{}" })).toMatchObject({
      code: 2,
    });
    expect(readdirSync(own.path("tmp")).filter((name) => name.startsWith("qtasks-"))).toEqual([]);
    expect(await counts(own)).toMatchObject({ new: 6 });
  });

  test("without a line queues nothing, which is no error", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    expect(await own.json(["call", "typed", "--batch", "-"], { stdin: "\n \n" })).toEqual({ queued: 0 });
  });

  test("says that nobody serves the task, and nothing else off a terminal", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const stdin = numbered(1200);
    const { stdout, stderr } = await own.qtasks(["call", "typed", "--batch", "-"], { stdin });
    expect(stdout).toBe("1200\n");
    expect(stderr).toMatch(/^hint: No worker serves typed now[^\n]*\n$/);
  });
});

describe.concurrent("a batch that is interrupted", () => {
  test("half way says how many were queued, on stdout too, and exits 130", async () => {
    const own = new Project(
      { "tasks/all.mjs": TASKS, "qtasks.config.mjs": GATED(1200 + 700), "some.ndjson": numbered(1200) },
      INLINE,
    );
    const running = own.start(["call", "typed", "--batch", "some.ndjson", "--json"]);
    await own.appears("gate.began");
    running.kill("SIGINT");
    await own.appears("gate.told");
    own.go("gate");
    const ended = await running.ended;
    expect(ended).toMatchObject({ code: 130, stdout: '{"queued":1000}\n' });
    expect(ended.stderr).toBe("error: Interrupted. 1000 of 1200 were queued: those up to line 1000.\n");
    expect(await counts(own)).toMatchObject({ new: 1000 });
  });

  test("while it is still checked has queued nothing", async () => {
    const own = new Project(
      { "tasks/all.mjs": TASKS, "qtasks.config.mjs": GATED(7), "some.ndjson": numbered(10) },
      INLINE,
    );
    const running = own.start(["call", "typed", "--batch", "some.ndjson"]);
    await own.appears("gate.began");
    running.kill("SIGTERM");
    await own.appears("gate.told");
    own.go("gate");
    const ended = await running.ended;
    expect(ended).toMatchObject({ code: 143, stdout: "0\n" });
    expect(ended.stderr).toContain("Nothing was queued.");
    expect(await counts(own)).toMatchObject({ new: 0 });
  });
});

describe.skipIf(!hasTerminal)("a batch on a terminal", { concurrent: true }, () => {
  const own = () =>
    new Project(
      { "tasks/all.mjs": TASKS, "qtasks.config.mjs": GATED(1200 + 700), "some.ndjson": numbered(1200) },
      INLINE,
    );

  test("shows a bar that says how far it is", async () => {
    const project = own();
    const running = project.startOnTerminal("qtasks call typed --batch some.ndjson");
    await running.says(/queueing █+░+ +4\d% 500 tasks/);
    project.go("gate");
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(stdout).toContain("1200\r\n");
  });

  test("is left by Ctrl-C while it waits for what is typed", async () => {
    const running = own().startOnTerminal("qtasks call typed --batch -");
    await running.says(/reading/);
    running.type("\u0003");
    const { code, stdout } = await running.ended;
    expect(code).toBe(130);
    expect(stdout).toContain("Nothing was queued.");
  });

  test.for(["--quiet", "--json"])("with %s shows nothing that moves", async (flag) => {
    const project = own();
    project.go("gate");
    const { code, stdout } = await project.onTerminal(`qtasks call typed --batch some.ndjson ${flag}`);
    expect(code).toBe(0);
    expect(stdout).not.toContain("░");
  });
});
