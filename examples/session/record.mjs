// A stranger's first ten minutes, as the README shows them: node examples/session/record.mjs
// Everything is run for real, in a new folder, with the packed package. Ids and times are then made the same for all.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const repo = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "qtasks-session-"));
const env = {
  ...process.env,
  PATH: `${join(folder, "node_modules", ".bin")}${delimiter}${process.env.PATH}`,
  NO_COLOR: "1",
  npm_config_user_agent: "npm",
};

try {
  process.stdout.write(anonymous(await session()));
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function session() {
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "private": true }\n');
  install();
  const said = ["$ npm install qtasks zod\n"];
  said.push(show("qtasks init"));
  said.push("$ $EDITOR tasks/mail.ts        # examples/session/tasks.ts\n");
  copyFileSync(join(repo, "examples", "session", "tasks.ts"), join(folder, "tasks", "mail.ts"));
  said.push(show("qtasks list"), show("qtasks run hello Ada"));
  said.push(show("qtasks run mail.send --to ada@example.org --copies 2"));
  said.push(show("qtasks run mail.send --copies none"));
  said.push("$ qtasks worker --name one &\n");
  const worker = await startWorker();
  said.push(show("qtasks call mail.send --to bob@example.org --timeout 10"));
  said.push(show("qtasks call report 2026"), show("qtasks logs -f @last"), show("qtasks result @last"));
  said.push(show("qtasks call report 2027"), show("qtasks wait @last"));
  said.push(show("qtasks retry @last"), show('qtasks cancel @last --reason "wrong year"'));
  spawnSync("qtasks", ["wait", "@last"], { cwd: folder, env });
  said.push(show("qtasks status"));
  worker.kill("SIGTERM");
  await new Promise((resolve) => worker.once("exit", resolve));
  said.push(show("qtasks doctor"));
  return said.join("");
}

function install() {
  const packed = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
    cwd: repo,
    encoding: "utf8",
  });
  const [{ filename }] = JSON.parse(packed);
  execFileSync(
    "npm",
    ["install", "--no-audit", "--no-fund", "--prefer-offline", join(folder, filename), "zod"],
    {
      cwd: folder,
      stdio: "ignore",
    },
  );
}

/** The command, what it says, in order, and its exit code where that is not 0. */
function show(command) {
  const { stdout, status } = spawnSync("sh", ["-c", `exec 2>&1; ${command}`], {
    cwd: folder,
    env,
    encoding: "utf8",
    timeout: 60_000,
  });
  return `$ ${command}\n${stdout}${status === 0 ? "" : `(exit ${status})\n`}`;
}

async function startWorker() {
  const worker = spawn("qtasks", ["worker", "--name", "one", "--log-level", "silent"], {
    cwd: folder,
    env,
    stdio: "ignore",
  });
  while (
    spawnSync("qtasks", ["status", "--json"], { cwd: folder, env, encoding: "utf8" }).stdout.includes(
      '"workers":[]',
    )
  )
    await sleep(50);
  return worker;
}

/** Without what is another thing each time and on each machine. */
function anonymous(text) {
  const ids = [...new Set(text.match(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}/g))];
  for (const [index, id] of ids.entries())
    text = text.replaceAll(id, `01a20cc8-${String(index + 1).padStart(4, "0")}-7000-8000-000000000000`);
  return text
    .replaceAll(folder, "/home/ada/shop")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "2026-11-24T09:00:00.000Z")
    .replace(/^one .*\/10/m, "one      4711  ada   0/10")
    .replace(/^(WORKER ).*(BUSY)/m, "$1   PID  HOST  $2")
    .replace(/^(ok {4}node {9}).*$/m, "$120.19.0")
    .replace(/SQLite [\d.]+ of \S+/, "SQLite 3.53.0 of @photostructure/sqlite")
    .replace(/[\d.]+ GiB/, "80.0 GiB")
    .replace(/[\d.]+ KiB/, "84.0 KiB")
    .replace(/tsx [\d.]+/, "tsx 4.23.15");
}
