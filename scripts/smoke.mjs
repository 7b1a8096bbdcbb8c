// Drives the packed package, in a project of its own, on other versions of Node: node scripts/smoke.mjs 22 24
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

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
  const tarball = pack();
  for (const version of versions) smoke(version, tarball);
} finally {
  rmSync(workshop, { recursive: true, force: true });
}
console.log(`${passed} passed, 0 failed`);

function pack() {
  const [{ filename }] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", workshop], {
      cwd: repo,
      encoding: "utf8",
    }),
  );
  return join(workshop, filename);
}

function smoke(version, tarball) {
  const project = join(workshop, `node${version}`);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module", private: true }));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", tarball, `node@${version}`], {
    cwd: project,
    stdio: "ignore",
  });
  const env = {
    ...process.env,
    PATH: `${join(project, "node_modules", ".bin")}${delimiter}${process.env.PATH}`,
  };
  const qtasks = (words, expected, code = 0, cwd = project) => {
    const run = spawnSync("qtasks", words, { cwd, env, encoding: "utf8", timeout: 60_000 });
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
  const actual = execFileSync("node", ["--version"], { env, encoding: "utf8" }).trim();
  if (!actual.startsWith(`v${version}.`)) throw new Error(`node@${version} gave ${actual}.`);

  qtasks(["init"], /wrote tasks\/hello\.ts/);
  qtasks(["list", "--names"], "hello");
  qtasks(["run", "hello", "Ada"], "Hello, Ada!");
  const uuid = qtasks(["call", "hello", "Bob", "--quiet"], /^[0-9a-f-]{36}$/);
  qtasks(["result", uuid], "", 124);
  qtasks(["worker", "--burst"], "");
  qtasks(["result", uuid], "Hello, Bob!");
  qtasks(["status", "--json"], /"success":2/);
  qtasks(["call", "helo"], "", 4);
  for (const [name, isModule] of Object.entries(KINDS)) {
    const folder = join(project, name);
    writeProject(folder, name, isModule);
    execFileSync("node", ["queue.mjs"], { cwd: folder, env });
    qtasks(["worker", "--burst"], "", 0, folder);
    qtasks(["status", "--json"], /"success":5,"error":0/, 0, folder);
  }
  console.log(`Node ${actual}: the packed package works.`);
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
