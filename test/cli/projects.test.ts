import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { complaintOf, INLINE, Project } from "./project.js";

const TASK = `
import { app } from "qtasks";
export const here = app.task("here", async (word = "x") => word);`;

/** What `list` finds in a project of these files. */
async function names(
  files: Readonly<Record<string, string>>,
  words: readonly string[] = [],
): Promise<string> {
  const { stdout, stderr } = await new Project(files, INLINE).qtasks(["list", "--names", ...words]);
  return stdout + stderr;
}

describe.concurrent("a config", () => {
  const jobs = { "jobs/here.mjs": TASK };
  const shapes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "qtasks.config.ts": {
      "qtasks.config.ts":
        'import { defineConfig } from "qtasks"; export default defineConfig({ tasks: "jobs" });',
    },
    "qtasks.config.mts": { "qtasks.config.mts": 'const tasks: string = "jobs"; export default { tasks };' },
    "qtasks.config.js as a module": {
      "package.json": '{ "type": "module" }',
      "qtasks.config.js": 'export default { tasks: "jobs" };',
    },
    "qtasks.config.js as CommonJS": {
      "package.json": '{ "type": "commonjs" }',
      "qtasks.config.js": 'module.exports = { tasks: "jobs" };',
    },
    "qtasks.config.mjs": { "qtasks.config.mjs": 'export default { tasks: "jobs" };' },
    "qtasks.config.cjs": { "qtasks.config.cjs": 'module.exports = { tasks: "jobs" };' },
    "qtasks.config.json": { "qtasks.config.json": '{ "tasks": "jobs" }' },
    ".qtasksrc as YAML": { ".qtasksrc": "tasks: jobs" },
    ".qtasksrc.json": { ".qtasksrc.json": '{ "tasks": ["jobs"] }' },
    "package.json#qtasks": { "package.json": '{ "qtasks": { "tasks": "jobs/**/*.mjs" } }' },
  };

  test.for(Object.entries(shapes))("may be %s", async ([, files]) => {
    expect(await names({ ...files, ...jobs })).toBe("here\n");
  });

  test("is found from a folder below, and its paths start where it stands", async () => {
    const project = new Project(
      {
        "qtasks.config.json": '{ "tasks": "jobs" }',
        ...jobs,
        "deep/er/.keep": "",
      },
      INLINE,
    );
    const how = { cwd: "deep/er" };
    expect(await project.qtasks(["list"], how)).toMatchObject({
      stdout: expect.stringContaining("jobs/here.mjs:2"),
    });
    await project.call(["here"], how);
    expect(project.read(".qtasks/last")).toHaveLength(37);
  });

  test("nearer by is stronger than one further up", async () => {
    const project = new Project(
      {
        "qtasks.config.json": "{ wrong",
        "near/qtasks.config.json": "{}",
        "near/tasks/here.mjs": TASK,
      },
      INLINE,
    );
    expect(await project.qtasks(["list", "--names"], { cwd: "near" })).toMatchObject({ stdout: "here\n" });
  });

  test("is named by --config, which ends the search", async () => {
    const project = new Project(
      {
        "qtasks.config.json": "{ wrong",
        "other/it.config.mjs": "export default {};",
        "other/tasks/here.mjs": TASK,
      },
      INLINE,
    );
    expect(await project.qtasks(["list", "--names", "--config", "other/it.config.mjs"])).toMatchObject({
      stdout: "here\n",
    });
    const ended = await project.qtasks(["list", "--config", "nowhere.ts"]);
    expect(ended).toMatchObject({ code: 3, stdout: "" });
    expect(complaintOf(ended).error).toContain("nowhere.ts");
  });

  test("is not needed where there is a folder `tasks`", async () => {
    expect(await names({ "tasks/here.mjs": TASK })).toBe("here\n");
  });

  test("and a folder `tasks` both missing is exit 3, and the hint is `qtasks init`", async () => {
    const project = new Project({}, INLINE);
    for (const command of ["list", "status"]) {
      const ended = await project.qtasks([command]);
      expect(ended).toMatchObject({ code: 3, stdout: "" });
      expect(complaintOf(ended).hint).toContain("qtasks init");
    }
  });

  test("gives way to the environment, and that to a flag", async () => {
    const project = new Project(
      {
        "qtasks.config.json": '{ "maxTasksProcess": 2, "isolation": "inline" }',
        "tasks/here.mjs": TASK,
      },
      INLINE,
    );
    const concurrency = async (words: readonly string[], env = {}) =>
      /concurrency (\d+)/.exec((await project.qtasks(["worker", "--burst", ...words], { env })).stderr)?.[1];
    expect(await concurrency([])).toBe("2");
    expect(await concurrency([], { QTASKS_MAX_TASKS_PROCESS: "3" })).toBe("3");
    expect(await concurrency(["--concurrency", "4"], { QTASKS_MAX_TASKS_PROCESS: "3" })).toBe("4");
  });

  test("--tasks and --broker are stronger than its keys", async () => {
    const project = new Project(
      {
        "qtasks.config.json": '{ "tasks": "nowhere", "broker": "memory:" }',
        ...jobs,
      },
      INLINE,
    );
    const flags = ["--tasks", "jobs", "--broker", "sqlite:other/own.db"];
    expect(await project.qtasks(["call", "here", ...flags, "--quiet"])).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(project.read("other/own.db").startsWith("SQLite format 3")).toBe(true);
  });
});

describe.concurrent("a config that is wrong is exit 3", () => {
  const refused = async (files: Readonly<Record<string, string>>, env = {}) => {
    const ended = await new Project({ "tasks/here.mjs": TASK, ...files }).qtasks(["status"], { env });
    expect(ended).toMatchObject({ code: 3, stdout: "" });
    return complaintOf(ended);
  };

  test("an unknown key is named, with its file and the keys there are", async () => {
    const { error, hint } = await refused({ "qtasks.config.ts": "export default { task: 'jobs' };" });
    expect(error).toMatch(/qtasks\.config\.ts has an unknown key "task"/);
    expect(hint).toContain("tasks, broker");
  });

  test("a value of a wrong type is named, with its file and what fits", async () => {
    const { error, hint } = await refused({ "qtasks.config.json": '{ "maxTasksProcess": "many" }' });
    expect(error).toMatch(/maxTasksProcess in .*qtasks\.config\.json is "many"/);
    expect(hint).toContain("whole number");
  });

  test("an unknown or wrong variable of the environment is named", async () => {
    expect((await refused({}, { QTASKS_GRACES: "1" })).error).toContain("QTASKS_GRACES");
    expect((await refused({}, { QTASKS_GRACE: "long" })).error).toContain("QTASKS_GRACE");
  });

  test.for([
    ["qtasks.config.ts", "export default {\n  name: ;\n};"],
    ["qtasks.config.mjs", "export default {\n  name: ;\n};"],
    ["qtasks.config.cjs", "module.exports = {\n  name: ;\n};"],
    ["qtasks.config.json", '{\n  "name": ;\n}'],
    [".qtasksrc", "name: shop\n: [\n"],
  ] as const)("a syntax error in %s is told with its file and line", async ([file, text]) => {
    expect((await refused({ [file]: text })).error).toContain(`${file}:2`);
  });

  test("one that throws is told with its file, line and message", async () => {
    const { error } = await refused({
      "qtasks.config.ts": "const a = 1;\nthrow new Error('the config broke');\n",
    });
    expect(error).toBe("qtasks.config.ts:2 failed to load: the config broke");
  });

  test("one that exports no config is named", async () => {
    expect((await refused({ "qtasks.config.ts": "export default 7;" })).error).toContain("exports no config");
  });

  test("a broker of an unknown kind is named, without its password", async () => {
    const { error } = await refused({ "qtasks.config.json": '{ "broker": "mysql://me:secret@host/db" }' });
    expect(error).toContain("mysql://***@host/db");
    expect(error).not.toContain("secret");
  });

  test("a plugin whose setup throws is named, with its message", async () => {
    const plugin =
      "export default { plugins: [{ name: 'guard', setup() { throw new Error('no setup'); } }] };";
    expect((await refused({ "qtasks.config.mjs": plugin })).error).toContain(
      '"guard" failed in setup(): no setup',
    );
  });

  test("what is no plugin is refused", async () => {
    expect(
      (await refused({ "qtasks.config.mjs": "export default { plugins: [{ name: 'guard' }] };" })).error,
    ).toContain("plugins");
  });
});

describe.concurrent("task modules", () => {
  test.for([
    ["type module", '{ "type": "module" }'],
    ["type commonjs", '{ "type": "commonjs" }'],
    ["no type", "{}"],
  ] as const)("of a package of %s register in .ts, .mts, .cts, .js, .mjs and .cjs", async ([, manifest]) => {
    const esm = (name: string) =>
      `import { app } from "qtasks";\nexport const it = app.task("${name}", async (word) => word);`;
    const cjs = (name: string) =>
      `const { app } = require("qtasks");\nmodule.exports.it = app.task("${name}", async (word) => word);`;
    const isModule = manifest.includes("module");
    const files = {
      "package.json": manifest,
      "tasks/a.ts": esm("ts"),
      "tasks/b.mts": esm("mts"),
      "tasks/c.cts": esm("cts"),
      "tasks/d.js": isModule ? esm("js") : cjs("js"),
      "tasks/e.mjs": esm("mjs"),
      "tasks/f.cjs": cjs("cjs"),
    };
    const project = new Project(files, INLINE);
    expect(await project.qtasks(["list", "--names"])).toMatchObject({
      code: 0,
      stdout: "cjs\ncts\njs\nmjs\nmts\nts\n",
    });
    expect(await project.qtasks(["run", "cjs", "works"])).toMatchObject({ code: 0, stdout: "works\n" });
  });

  test("may import from outside the tasks folder, and one module is one module", async () => {
    const project = new Project(
      {
        "lib/shared.ts": "export const seen: string[] = [];",
        "tasks/a.ts": `import { app } from "qtasks";\nimport { seen } from "../lib/shared.js";\nseen.push("a");\napp.task("count", () => seen.length);`,
        "tasks/b.ts": `import { seen } from "../lib/shared.js";\nseen.push("b");`,
      },
      INLINE,
    );
    expect(await project.qtasks(["run", "count"])).toMatchObject({ code: 0, stdout: "2\n" });
  });

  test.for([
    ["type module", '{ "type": "module" }'],
    ["type commonjs", '{ "type": "commonjs" }'],
  ] as const)("of %s know the errors that qtasks throws by their classes", async ([, manifest]) => {
    const project = new Project({
      "package.json": manifest,
      "tasks/a.ts": `
import { app, TaskFailedError } from "qtasks";
const fails = app.task("fails", async () => { throw new Error("as told"); });
app.task("asks", async () => {
  const result = await fails.with({ timeout: 60 }).addTask();
  return await result.value().catch((error: unknown) => error instanceof TaskFailedError);
});`,
    });
    expect(await project.qtasks(["run", "asks"])).toMatchObject({ code: 0, stdout: "true\n" });
  });

  const outside = mkdtempSync(join(tmpdir(), "qtasks-outside-"));
  writeFileSync(join(outside, "here.ts"), TASK);

  test("of a folder outside the project are refused: by a path, by a link, by a glob, by a link to one file", async ({
    onTestFinished,
  }) => {
    onTestFinished(() => rmSync(outside, { recursive: true }));
    const byPath = new Project({ "qtasks.config.json": JSON.stringify({ tasks: outside }) }, INLINE);
    const byDots = new Project(
      { "in/qtasks.config.json": '{ "tasks": "../tasks" }', "tasks/here.ts": TASK },
      INLINE,
    );
    const byGlob = new Project(
      {
        "in/qtasks.config.json": '{ "tasks": "../tasks/*.ts" }',
        "tasks/here.ts": TASK,
      },
      INLINE,
    );
    const byLink = new Project({ "qtasks.config.json": "{}" }, INLINE);
    symlinkSync(outside, byLink.path("tasks"));
    const byFile = new Project({ "tasks/.keep": "" }, INLINE);
    symlinkSync(join(outside, "here.ts"), byFile.path("tasks/here.ts"));
    const ends = await Promise.all([
      byPath.qtasks(["list"]),
      byDots.qtasks(["list"], { cwd: "in" }),
      byGlob.qtasks(["list"], { cwd: "in" }),
      byLink.qtasks(["list"]),
      byFile.qtasks(["list"]),
    ]);
    for (const ended of ends) {
      expect(ended).toMatchObject({ code: 3, stdout: "" });
      expect(complaintOf(ended).error).toContain("outside the project");
    }
  });

  test("are found to an end although links loop", async () => {
    const project = new Project({ "tasks/deep/here.mjs": TASK }, INLINE);
    symlinkSync("..", project.path("tasks/deep/up"));
    symlinkSync("itself", project.path("tasks/itself"));
    expect(await project.qtasks(["list", "--names"])).toMatchObject({ code: 0, stdout: "here\n" });
  });

  test("of a place that is not there is exit 3", async () => {
    const ended = await new Project({ "qtasks.config.json": '{ "tasks": "jobs" }' }, INLINE).qtasks(["list"]);
    expect(ended).toMatchObject({ code: 3, stdout: "" });
    expect(complaintOf(ended).error).toContain("jobs");
  });
});

describe.concurrent("init", () => {
  test("writes a config and a task that run as they are, from nothing", async () => {
    const project = new Project({}, INLINE);
    expect(await project.qtasks(["init"])).toMatchObject({
      code: 0,
      stdout: "wrote qtasks.config.ts\nwrote tasks/hello.ts\n",
    });
    expect(await project.qtasks(["list", "--names"])).toMatchObject({
      code: 0,
      stdout: "hello\n",
      stderr: "",
    });
    expect(await project.qtasks(["run", "hello", "Ada"])).toMatchObject({ code: 0, stdout: "Hello, Ada!\n" });
  });

  test("never overwrites, and says what it kept, as JSON too", async () => {
    const project = new Project({ "qtasks.config.ts": "export default { name: 'mine' };" }, INLINE);
    expect(await project.json(["init"])).toEqual({ written: ["tasks/hello.ts"], kept: ["qtasks.config.ts"] });
    project.write("tasks/hello.ts", "// mine too");
    expect(await project.qtasks(["init"])).toMatchObject({ code: 0 });
    expect(project.read("qtasks.config.ts")).toContain("mine");
    expect(project.read("tasks/hello.ts")).toBe("// mine too");
  });

  test.each([
    ["ES modules", '{ "type": "module" }'],
    ["CommonJS", '{ "type": "commonjs" }'],
    ["a package.json that does not say", "{}"],
  ])("runs as it is with %s", async (_, packageJson) => {
    const project = new Project({ "package.json": packageJson });
    await project.qtasks(["init"]);
    expect(await project.qtasks(["run", "hello", "Ada"])).toMatchObject({ code: 0, stdout: "Hello, Ada!\n" });
  });

  test("keeps a config of another kind, and adds no task to those that are there", async () => {
    const project = new Project({ "qtasks.config.mjs": "export default {};", "tasks/own.mjs": "" }, INLINE);
    const { stdout } = await project.qtasks(["init"]);
    expect(stdout).toBe(
      "kept  qtasks.config.mjs, it was there already\nkept  tasks/own.mjs, it was there already\n",
    );
    const inPackage = new Project({ "package.json": '{ "qtasks": {} }' }, INLINE);
    expect(await inPackage.json(["init"])).toEqual({ written: ["tasks/hello.ts"], kept: ["package.json"] });
  });

  test("has git ignore the queue, once, where there is git", async () => {
    const project = new Project({ ".gitignore": "node_modules" }, INLINE);
    expect((await project.qtasks(["init"])).stdout).toContain("wrote .gitignore");
    expect((await project.qtasks(["init"])).stdout).not.toContain("wrote");
    expect(project.read(".gitignore")).toBe("node_modules\n.qtasks/\n");
    const repository = new Project({ ".git/HEAD": "ref: refs/heads/main" }, INLINE);
    await repository.qtasks(["init"]);
    expect(repository.read(".gitignore")).toBe(".qtasks/\n");
  });

  test.each([
    ["a lock file", { "pnpm-lock.yaml": "" }, {}, "pnpm exec qtasks list"],
    ["package.json", { "package.json": '{ "packageManager": "yarn@4.1.0" }' }, {}, "yarn qtasks list"],
    ["who runs it", {}, { npm_config_user_agent: "bun/1.1.0 npm/? node/v20" }, "bunx qtasks list"],
    ["nothing", {}, {}, "npx qtasks list"],
  ])("says what is next in the words of the package manager, told by %s", async (_, files, env, words) => {
    const { stderr } = await new Project(files as Record<string, string>, INLINE).qtasks(["init"], { env });
    expect(stderr).toContain(words);
    expect(stderr).not.toContain("First");
  });
});
