import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { complaintOf, Project } from "./project.js";

/** A task that tells by its description what was loaded, and leaves an x for each time that it was. */
const task = (name: string, description = '"it"', before = "") => `
import { appendFileSync } from "node:fs";
import { app } from "qtasks";
${before}
appendFileSync(${JSON.stringify("loads")}, "x");
app.task({ name: ${JSON.stringify(name)}, description: ${description}, retry: 2, tags: ["t"] }, async () => 1);
`;

type How = { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> };

/** The tasks as `list` tells them. */
async function listed(project: Project, how: How = {}): Promise<readonly string[]> {
  const tasks = await project.json<readonly { name: string; description: string }[]>(["list"], how);
  return tasks.map(({ name, description }) => `${name}: ${description}`);
}

/** Once loaded and once more, which must not load: the manifest is there, and is believed. */
async function settle(project: Project, how: How = {}): Promise<void> {
  await listed(project, how);
  const before = loads(project, how);
  await listed(project, how);
  expect(loads(project, how)).toBe(before);
}

const loads = (project: Project, { cwd = "." }: How = {}) => project.read(`${cwd}/loads`).length;

describe.concurrent("nothing is loaded again", () => {
  test("by list, call, a batch, run and completion, while nothing has changed", async () => {
    const project = new Project({ "tasks/a.mjs": task("a") });
    await settle(project);
    const uuid = await project.call(["a", "--tag", "mine"]);
    expect((await project.qtasks(["call", "a", "--batch", "-"], { stdin: "[]\n[]\n" })).stdout).toBe("2\n");
    expect((await project.qtasks(["__complete", "tasks"])).stdout).toBe("a\tit\n");
    expect((await project.qtasks(["call", "b"])).code).toBe(4);
    expect((await project.qtasks(["call", "a", "--help"])).stdout).toContain("qtasks call a");
    expect(loads(project)).toBe(1);
    // What the registration says holds for a call all the same.
    expect(await project.json(["status", uuid])).toMatchObject([{ retry: 2, tags: ["t", "mine"] }]);
    // Only the child process, which runs it.
    expect((await project.qtasks(["run", "a"])).stdout).toBe("1\n");
    expect(loads(project)).toBe(2);
  });

  test("and then all that runs of qtasks is one file, beside which no module of the project is ever imported", async () => {
    const project = new Project({ "tasks/a.mjs": task("a") });
    const how = { env: { NODE_V8_COVERAGE: project.path("coverage") } };
    await project.qtasks(["call", "a"], how);
    const own = () =>
      filesRun(project).filter((file) => /\/dist\//.test(file) && !file.includes("/node_modules/"));
    expect(own()).toContainEqual(expect.stringMatching(/cli\/main\.js$/));
    rmSync(project.path("coverage"), { recursive: true });
    await project.qtasks(["call", "a"], how);
    expect(own()).toEqual([expect.stringMatching(/quick\/cli\.cjs$/)]);
  });

  test("by commands that look at the queue, and they never load a task", async () => {
    const project = new Project({
      "qtasks.config.mjs": `import { appendFileSync } from "node:fs"; appendFileSync("loads", "x"); export default {};`,
      "tasks/broken.mjs": "a syntax error",
    });
    for (const words of [["status"], ["status"], ["purge", "--yes"], ["prune", "--age", "1d"]])
      expect((await project.qtasks(words)).code).toBe(0);
    expect(loads(project)).toBe(1);
  });
});

describe.concurrent("a stale answer is impossible after", () => {
  test("a task module changed, came, or went", async () => {
    const project = new Project({ "tasks/a.mjs": task("a") });
    await settle(project);
    project.write("tasks/a.mjs", task("a", '"at"'));
    expect(await listed(project)).toEqual(["a: at"]);
    project.write("tasks/deep/b.mjs", task("b"));
    expect(await listed(project)).toEqual(["a: at", "b: it"]);
    expect((await project.qtasks(["call", "b"])).code).toBe(0);
    project.delete("tasks/deep/b.mjs");
    expect((await project.qtasks(["call", "b"])).code).toBe(4);
  });

  test("an import three levels down changed, or means another file than before", async () => {
    const project = new Project({
      "package.json": '{ "type": "module" }',
      "tasks/a.ts": task("a", "one as string", 'import { one } from "../lib/one";'),
      "lib/one.ts": 'export * from "./two";',
      "lib/two.js": 'import three from "../more/three.cjs"; export const one = three.text;',
      "more/three.cjs": 'module.exports = { text: "old" };',
    });
    await settle(project);
    project.write("more/three.cjs", 'module.exports = { text: "new" };');
    expect(await listed(project)).toEqual(["a: new"]);
    project.write("lib/two.ts", 'export const one: string = "of TypeScript";');
    expect(await listed(project)).toEqual(["a: of TypeScript"]);
  });

  test("a file that it reads changed, or came", async () => {
    const read = 'import { existsSync, readFileSync } from "node:fs"; const at = "text.txt";';
    const description = 'existsSync(at) ? readFileSync(at, "utf8") : "none"';
    const project = new Project({
      "tasks/a.mjs": task("a", description, read.replace("existsSync, ", "existsSync, ")),
    });
    await settle(project);
    project.write("text.txt", "one");
    expect(await listed(project)).toEqual(["a: one"]);
    project.write("text.txt", "two");
    expect(await listed(project)).toEqual(["a: two"]);
  });

  test("an environment variable changed that the config or a task reads, or that is a setting", async () => {
    const project = new Project({
      "qtasks.config.mjs": "export default { tasks: process.env.WHERE ?? 'tasks' };",
      "tasks/a.mjs": task("a", 'process.env.TEXT ?? "none"'),
      "others/b.mjs": task("b"),
    });
    await settle(project);
    expect(await listed(project, { env: { TEXT: "some" } })).toEqual(["a: some"]);
    expect(await listed(project, { env: { WHERE: "others" } })).toEqual(["b: it"]);
    expect(await listed(project, { env: { QTASKS_TASKS: "others" } })).toEqual(["b: it"]);
    expect(await listed(project)).toEqual(["a: none"]);
    expect((await project.qtasks(["--tasks", "others", "list", "--names"])).stdout).toBe("b\n");
    expect((await project.qtasks(["call", "b"])).code).toBe(4);
    // What it does not read changes nothing.
    await settle(project);
    const before = loads(project);
    await listed(project, { env: { ANOTHER: "variable" } });
    expect(loads(project)).toBe(before);
  });

  test("a config came nearer, went again, or is in package.json", async () => {
    const project = new Project({
      "package.json": "{}",
      "sub/tasks/a.mjs": task("a"),
      "sub/others/b.mjs": task("b"),
      "sub/thirds/c.mjs": task("c"),
    });
    const how = { cwd: "sub" };
    await settle(project, how);
    project.write("package.json", '{ "qtasks": { "tasks": "sub/others" } }');
    expect(await listed(project, how)).toEqual(["b: it"]);
    project.write("sub/.qtasksrc", '{ "tasks": "thirds" }');
    expect(await listed(project, how)).toEqual(["c: it"]);
    project.write("sub/qtasks.config.json", '{ "tasks": "others" }');
    expect(await listed(project, how)).toEqual(["b: it"]);
    project.delete("sub/qtasks.config.json");
    project.delete("sub/.qtasksrc");
    project.write("package.json", "{}");
    expect(await listed(project, how)).toEqual(["a: it"]);
    // From another folder another config is found.
    project.write("sub/others/qtasks.config.json", '{ "tasks": "." }');
    expect(await listed(project, { cwd: "sub/others" })).toEqual(["b: it"]);
  });

  test("a package that it imports changed, or is another of the same name", async () => {
    const project = new Project({
      "tasks/a.mjs": task("a", "text", 'import { text } from "words";'),
      "one/package.json": '{ "type": "module", "exports": "./index.js" }',
      "one/index.js": 'export const text = "old";',
      "two/package.json": '{ "type": "module", "exports": "./index.js" }',
      "two/index.js": 'export const text = "other";',
    });
    symlinkSync("../one", project.path("node_modules/words"));
    await settle(project);
    project.write("one/index.js", 'export const text = "new";');
    expect(await listed(project)).toEqual(["a: new"]);
    project.delete("node_modules/words");
    symlinkSync("../two", project.path("node_modules/words"));
    expect(await listed(project)).toEqual(["a: other"]);
  });

  test("a file changed while it was loaded, even when it looks the same afterwards", async () => {
    const edit = `
import { statSync, utimesSync, writeFileSync } from "node:fs";
import { text } from "../lib.mjs";
const { atime, mtime } = statSync("lib.mjs");
writeFileSync("lib.mjs", 'export const text = "new";');
utimesSync("lib.mjs", atime, mtime);`;
    const project = new Project({
      "tasks/a.mjs": task("a", "text", edit),
      "lib.mjs": 'export const text = "old";',
    });
    expect(await listed(project)).toEqual(["a: old"]);
    expect(await listed(project)).toEqual(["a: new"]);
  });

  test("code asked another process, or set up the environment: it is loaded each time", async () => {
    const ask =
      'import { execSync } from "node:child_process"; const text = execSync("cat *.txt", { encoding: "utf8" });';
    const project = new Project({ "tasks/a.mjs": task("a", "text", ask), "one.txt": "one" });
    expect(await listed(project)).toEqual(["a: one"]);
    project.write("one.txt", "two");
    expect(await listed(project)).toEqual(["a: two"]);
    const other = new Project({ "tasks/a.mjs": task("a", '"it"', 'process.env.PGHOST = "db";') });
    await listed(other);
    await other.call(["a"]);
    expect(loads(other)).toBe(2);
  });

  test("another qtasks, or another Node, wrote the manifest", async () => {
    const project = new Project({ "tasks/a.mjs": task("a") });
    await settle(project);
    forge(project, (manifest) => manifest.replace('"description":"it"', '"description":"of the manifest"'));
    expect(await listed(project)).toEqual(["a: of the manifest"]);
    forge(project, (manifest) => manifest.replace(`"${process.version}`.slice(1), "v20.0.0"));
    expect(await listed(project)).toEqual(["a: it"]);
  });

  test("the manifest was damaged, cut off, or is of another shape", async () => {
    const project = new Project({ "tasks/a.mjs": task("a") });
    await settle(project);
    const whole = project.read(MANIFEST);
    const spoilt = [
      whole.slice(0, -30),
      whole.replace('"it"', '"at"'),
      "",
      "{}",
      "null",
      "\u0000".repeat(99),
    ];
    for (const text of spoilt) {
      project.write(MANIFEST, text);
      expect(await listed(project)).toEqual(["a: it"]);
      expect(project.read(MANIFEST)).toBe(whole);
    }
    forge(project, () => '{"loader":1}');
    expect(await listed(project)).toEqual(["a: it"]);
  });
});

test("TypeScript that has to be loaded again is not translated again, however short the command was", async () => {
  const modules = Array.from({ length: 30 }, (_, n) => [
    `tasks/t${n}.ts`,
    `import { app } from "qtasks";\napp.task("t${n}", async (n: number) => n);\n`,
  ]);
  const kept = mkdtempSync(join(tmpdir(), "qtasks-translated-"));
  const project = new Project(Object.fromEntries(modules), { TMPDIR: kept });
  expect(await project.qtasks(["list"])).toMatchObject({ code: 0 });
  const files = readdirSync(kept, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const sizes = files.map((file) => statSync(join(file.parentPath, file.name)).size);
  rmSync(kept, { recursive: true });
  expect(sizes.length).toBeGreaterThanOrEqual(30);
  expect(Math.min(...sizes)).toBeGreaterThan(0);
});

test("several commands that load at once leave a whole manifest", async () => {
  const project = new Project({ "tasks/a.mjs": task("a") });
  const answers = await Promise.all([1, 2, 3, 4].map(() => listed(project)));
  expect(answers).toEqual(Array(4).fill(["a: it"]));
  await settle(project);
  expect((await project.qtasks(["status"])).code).toBe(0);
});

test("where the manifest cannot be written, everything works without, and without a word", async () => {
  const project = new Project({ "tasks/a.mjs": task("a"), ".qtasks": "a file stands here" });
  for (const _ of [1, 2]) {
    const { code, stdout, stderr } = await project.qtasks(["list", "--names"]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "a\n", stderr: "" });
  }
  expect(loads(project)).toBe(2);
});

test("a call loads code that acts on queueing: of a plugin, a schema, a listener", async () => {
  const schema = `{ "~standard": { version: 1, vendor: "own", validate: (value) =>
    value.n > 0 ? { value } : { issues: [{ message: "too small", path: ["n"] }] } } }`;
  const project = new Project({
    "qtasks.config.mjs": `
export default { plugins: [{ name: "no", setup: (host) => host.onQueue(({ taskName }) => {
  if (taskName === "a") throw new Error("not now");
}) }] };`,
    "tasks/a.mjs": task("a"),
    "tasks/b.mjs": `import { app } from "qtasks"; app.task({ name: "b", input: ${schema} }, async () => 1);`,
  });
  await settle(project);
  expect(complaintOf(await project.qtasks(["call", "a"])).error).toContain("not now");
  project.write("qtasks.config.mjs", "export default {};");
  await settle(project);
  expect((await project.qtasks(["call", "b", "n:=1"])).code).toBe(0);
  const refused = await project.qtasks(["call", "b", "n:=0"]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("n: too small");
  project.write(
    "tasks/c.mjs",
    `import { writeFileSync } from "node:fs"; import { app } from "qtasks";
app.events.on("taskQueued", ({ taskName }) => writeFileSync("heard", taskName));`,
  );
  await settle(project);
  await project.call(["a"]);
  expect(project.read("heard")).toBe("a");
});

test("no password is written down", async () => {
  const url = "redis://user:hidden@127.0.0.1:1/";
  const project = new Project({
    "qtasks.config.mjs": "export default { broker: process.env.URL };",
    "tasks/a.mjs": task("a"),
  });
  await listed(project, { env: { URL: url } });
  expect(existsSync(project.path(MANIFEST))).toBe(true);
  expect(project.read(MANIFEST)).not.toContain("hidden");
  // It is known all the same.
  expect((await project.qtasks(["status"], { env: { URL: url } })).code).toBe(5);
});

/** The scripts that the coverage of a command names. */
function filesRun(project: Project): readonly string[] {
  return readdirSync(project.path("coverage")).flatMap((name) => {
    const { result } = JSON.parse(project.read(`coverage/${name}`)) as { result: { url: string }[] };
    return result.map(({ url }) => url);
  });
}

const MANIFEST = ".qtasks/manifest.json";

/** Changes the manifest as only somebody could who knows how it is protected. */
function forge(project: Project, change: (body: string) => string): void {
  const body = change(project.read(MANIFEST).replace(/^\{"checksum":"[0-9a-f]*",/, "{"));
  const checksum = createHash("sha256").update(body).digest("hex");
  project.write(MANIFEST, `{"checksum":"${checksum}",${body.slice(1)}`);
}
