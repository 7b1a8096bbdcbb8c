import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ENVIRONMENT } from "../lib/processes.mjs";
import { BIN, makeProject, openApp, startQtasksWorker } from "../lib/project.mjs";

const QUEUED = 300;

/** As whoever uses this machine starts them: every start of Node reads these certificates, which takes a while. */
const { NODE_EXTRA_CA_CERTS } = process.env;
const HERE = { ...ENVIRONMENT, ...(NODE_EXTRA_CA_CERTS && { NODE_EXTRA_CA_CERTS }) };
const CERTIFICATES = NODE_EXTRA_CA_CERTS
  ? "names certificates, which every start of Node reads"
  : "is not set";

/** What a command costs before and after it does anything, as a multiple of Node that does nothing. */
export const startUp = {
  name: "start-up",
  title: "Commands, from start to end",
  what: `Processes one after the other. \`list\` has 100 task modules, the others one; cold is without what qtasks has noted in \`.qtasks\`. NODE_EXTRA_CA_CERTS ${CERTIFICATES}.`,
  figures: [{ key: "ms", label: "whole run", unit: "ms", better: "lower" }],
  contenders: [
    { id: "node", label: "node -e 0", words: ["-e", "0"] },
    command("version", "qtasks --version", () => ["--version"]),
    command("help", "qtasks --help", () => ["--help"]),
    command("call", "qtasks call noop", () => ["call", "noop"]),
    command("status", "qtasks status ID", ({ uuids }) => ["status", uuids[0]]),
    command("cancel", "qtasks cancel ID", ({ uuids }) => ["cancel", uuids.pop()]),
    command("result", "qtasks result ID", ({ finished }) => ["result", finished]),
    command("list", "qtasks list, warm", () => ["list"], { modules: 100 }),
    command("list-cold", "qtasks list, cold", () => ["list"], { modules: 100, isCold: true }),
    command("run", "qtasks run noop", () => ["run", "noop"]),
  ],
  baseline: "node",
  rounds: { full: 15, quick: 1 },
  n: { full: 1, quick: 1 },
  async open({ words, modules, isCold = false }) {
    if (Array.isArray(words)) return { wordsOf: () => words };
    const subject = { isCold, ...(modules === undefined ? await usedProject() : projectOf(modules)) };
    subject.wordsOf = () => [BIN, ...words(subject)];
    time(subject); // what is kept from an earlier run is there from now on
    return subject;
  },
  measure: async (subject) => ({ ms: time(subject) }),
};

const NOOP = `import { app } from "qtasks";\nexport const noop = app.task("noop", async () => 1);\n`;

function moduleText(i) {
  return `import { app } from "qtasks";
interface Order { readonly id: number; readonly lines: readonly string[] }
export const task${i} = app.task({ name: "shop.task${i}", retry: 1, tags: ["shop"] }, async (order: Order) => order.lines.length);
`;
}

function command(id, label, words, how = {}) {
  return { id, label, words, ...how };
}

let used;

/** With one task, one that is finished and many that wait: some are cancelled. All commands but `list` share it. */
async function usedProject() {
  used ??= await makeUsedProject();
  return used;
}

async function makeUsedProject() {
  const { folder } = projectOf(1);
  const worker = await startQtasksWorker(folder, ["--isolation", "inline"]);
  const app = openApp(folder);
  const { uuid: finished } = await app.addTask("noop", [], { timeout: 60 });
  await worker.stop();
  const later = { taskName: "noop", args: [], options: { delay: "1d" } };
  const tasks = await app.addTasks(Array(QUEUED).fill(later));
  await app.close();
  return { folder, finished, uuids: tasks.map(({ uuid }) => uuid) };
}

function projectOf(modules) {
  const files = { "tasks/noop.ts": NOOP };
  for (let i = 1; i < modules; i++) files[`tasks/m${i}.ts`] = moduleText(i);
  return { folder: makeProject(files) };
}

function time({ folder, isCold, wordsOf }) {
  // Nothing is queued there: what is left is what qtasks has noted for the next time.
  if (isCold) rmSync(join(folder, ".qtasks"), { recursive: true, force: true });
  const words = wordsOf();
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, words, {
    cwd: folder,
    env: HERE,
    encoding: "utf8",
  });
  const ms = performance.now() - start;
  if (status !== 0) throw new Error(`${words.join(" ")} ended with ${status}: ${stderr}`);
  return ms;
}
