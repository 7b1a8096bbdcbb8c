import { execFileSync } from "node:child_process";
import { chownSync, existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import Redis from "ioredis";
import pg from "pg";
import { until } from "./clock.mjs";
import { makeFolder } from "./folders.mjs";
import { end, start } from "./processes.mjs";

// Servers are started when first needed, from what is installed, on free ports of this machine only.
const running = new Map();
const STARTED_WITHIN_MS = 120_000;

export async function stopServers() {
  for (const { child } of running.values()) await end(child, "SIGINT");
  running.clear();
}

/** @returns the port of a Redis that keeps nothing, or one that writes every command to a file */
export async function redis(appendOnly) {
  return await once(`redis ${appendOnly}`, async () => {
    const port = await freePort();
    const words = ["--port", port, "--bind", "127.0.0.1", "--dir", makeFolder("redis"), "--save", ""];
    const child = start("redis-server", [...words, "--appendonly", appendOnly ? "yes" : "no"].map(String));
    await until(() => answers(port), {
      withinMs: STARTED_WITHIN_MS,
      what: `an answer of redis-server: ${child.said}`,
    });
    return { child, address: port };
  });
}

export function redisMissing() {
  return isInstalled("redis-server") ? undefined : "redis-server is not installed";
}

/** @returns a connection string of a PostgreSQL with its own settings of durability */
export async function postgres() {
  return await once("postgres", async () => {
    const folder = makeFolder("postgres");
    const port = await freePort();
    const user = userForPostgres();
    if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
    const bin = postgresFolder();
    const initdb = [
      "-D",
      `${folder}/data`,
      "-U",
      "bench",
      "-A",
      "trust",
      "--no-sync",
      "--no-locale",
      "-E",
      "UTF8",
    ];
    execFileSync(`${bin}/initdb`, initdb, { ...user, stdio: "pipe", cwd: folder });
    const words = ["-D", `${folder}/data`, "-p", String(port), "-k", folder, "-h", "127.0.0.1"];
    const child = start(`${bin}/postgres`, words, { ...user, cwd: folder });
    const connectionString = `postgres://bench@127.0.0.1:${port}/postgres`;
    await until(() => accepts(connectionString), {
      withinMs: STARTED_WITHIN_MS,
      what: `an answer of postgres: ${child.said}`,
    });
    return { child, address: connectionString };
  });
}

export function postgresMissing() {
  return postgresFolder() === undefined ? "PostgreSQL is not installed" : undefined;
}

export function serverVersions() {
  const first = (command) => execFileSync(command, ["--version"], { encoding: "utf8" }).trim();
  const found = [];
  if (redisMissing() === undefined) found.push(first("redis-server").replace(/ sha=.*/, ""));
  if (postgresMissing() === undefined) found.push(first(`${postgresFolder()}/postgres`));
  return found;
}

async function once(name, startServer) {
  if (!running.has(name)) running.set(name, await startServer());
  return running.get(name).address;
}

function postgresFolder() {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => `${root}/${version}/bin`).find((bin) => existsSync(`${bin}/initdb`));
}

/** PostgreSQL does not run as root. */
function userForPostgres() {
  if (process.getuid?.() !== 0) return {};
  const idOf = (option) => Number(execFileSync("id", [option, "postgres"], { encoding: "utf8" }));
  return { uid: idOf("-u"), gid: idOf("-g") };
}

function isInstalled(command) {
  return (process.env.PATH ?? "").split(":").some((folder) => existsSync(`${folder}/${command}`));
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(port) {
  const client = new Redis({ host: "127.0.0.1", port, lazyConnect: true, retryStrategy: null });
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.ping()) === "PONG";
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

async function accepts(connectionString) {
  const client = new pg.Client(connectionString);
  client.on("error", () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
