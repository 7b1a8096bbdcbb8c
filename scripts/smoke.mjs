// Drives the packed package, in a project of its own, on other versions of Node: node scripts/smoke.mjs 22 24
import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const execute = promisify(execFile);
const repo = fileURLToPath(new URL("..", import.meta.url));
const versions = process.argv.slice(2);
const workshop = mkdtempSync(join(tmpdir(), "qtasks-smoke-"));
/** package types, and whether a .js file is an ES module there */
const KINDS = { module: true, commonjs: false, none: false };
const MODULES = ["ts", "mts", "cts", "js", "mjs"];
const QUEUE = `
  import { QueueTasks } from "qtasks";
  const app = new QueueTasks();
  await app.addTasks(${JSON.stringify(MODULES)}.map((taskName) => ({ taskName, args: [21] })));
  await app.close();
`;
let passed = 0;

try {
  const tarball = await pack();
  // Each has its own project, and they wait for the network and for their processes most of the time.
  const ends = await Promise.allSettled(versions.map((version) => smoke(version, tarball)));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
} finally {
  rmSync(workshop, { recursive: true, force: true });
}
console.log(`${passed} passed, 0 failed`);

async function pack() {
  const words = ["pack", "--json", "--ignore-scripts", "--pack-destination", workshop];
  const { stdout } = await execute("npm", words, { cwd: repo });
  return join(workshop, JSON.parse(stdout)[0].filename);
}

async function smoke(version, tarball) {
  const project = join(workshop, `node${version}`);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module", private: true }));
  const packages = [tarball, `node@${version}`];
  await execute("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...packages], {
    cwd: project,
  });
  const env = {
    ...process.env,
    PATH: `${join(project, "node_modules", ".bin")}${delimiter}${process.env.PATH}`,
  };
  const qtasks = async (words, expected, code = 0, cwd = project) => {
    const run = await qtasksIn(cwd, env, words);
    const seen = `${run.stdout.trim()}`;
    const fits = expected instanceof RegExp ? expected.test(seen) : seen === expected;
    if (run.status !== code || !fits) {
      const said = `exit ${run.status}\nstdout: ${run.stdout}\nstderr: ${run.stderr}`;
      throw new Error(
        `Node ${version}: qtasks ${words.join(" ")} was to print ${expected} and exit ${code}.\n${said}`,
      );
    }
    if (/Warning/.test(run.stderr))
      throw new Error(`Node ${version}: qtasks ${words.join(" ")} warned: ${run.stderr}`);
    passed += 1;
    return seen;
  };
  const actual = (await execute("node", ["--version"], { env })).stdout.trim();
  if (!actual.startsWith(`v${version}.`)) throw new Error(`node@${version} gave ${actual}.`);

  await qtasks(["init"], /wrote tasks\/hello\.ts/);
  await qtasks(["list", "--names"], "hello");
  await qtasks(["run", "hello", "Ada"], "Hello, Ada!");
  const uuid = await qtasks(["call", "hello", "Bob", "--quiet"], /^[0-9a-f-]{36}$/);
  await qtasks(["result", uuid], "", 124);
  await qtasks(["worker", "--burst"], "");
  await qtasks(["result", uuid], "Hello, Bob!");
  await qtasks(["status", "--json"], /"success":2/);
  await qtasks(["call", "helo"], "", 4);
  for (const [name, isModule] of Object.entries(KINDS)) {
    const folder = join(project, name);
    writeProject(folder, name, isModule);
    await execute("node", ["queue.mjs"], { cwd: folder, env });
    await qtasks(["worker", "--burst"], "", 0, folder);
    await qtasks(["status", "--json"], /"success":5,"error":0/, 0, folder);
  }
  console.log(`Node ${actual}: the packed package works.`);
}

async function qtasksIn(cwd, env, words) {
  const child = spawn("qtasks", words, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
  const ended = new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  const [status, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { status, stdout, stderr };
}

/** A task module of every kind, in a project of that package type; each fails where it was not loaded as what it is. */
function writeProject(folder, type, isModule) {
  mkdirSync(join(folder, "tasks"), { recursive: true });
  writeFileSync(join(folder, "package.json"), type === "none" ? "{}" : JSON.stringify({ type }));
  writeFileSync(join(folder, "qtasks.config.json"), "{}");
  writeFileSync(join(folder, "queue.mjs"), QUEUE);
  const typed = (name) => `
    import { app } from "qtasks";
    enum Size { Large = 2 }
    app.task("${name}", async (count: number) => { if (count * Size.Large !== 42) throw new Error("no 42"); });
  `;
  const plain = (name, start) =>
    `${start}\napp.task("${name}", async (count) => { if (count !== 21) throw new Error("no 21"); });`;
  const imported = 'import { app } from "qtasks";';
  const required = 'const { app } = require("qtasks");';
  for (const name of ["ts", "mts", "cts"])
    writeFileSync(join(folder, "tasks", `${name}.${name}`), typed(name));
  writeFileSync(join(folder, "tasks", "js.js"), plain("js", isModule ? imported : required));
  writeFileSync(join(folder, "tasks", "mjs.mjs"), plain("mjs", imported));
}
