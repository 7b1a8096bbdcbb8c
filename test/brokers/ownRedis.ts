import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const hasRedis = (process.env.PATH ?? "")
  .split(":")
  .some((folder) => existsSync(`${folder}/redis-server`));

if (!hasRedis)
  process.stderr.write(
    "\nSKIPPED: no redis-server is installed, so what needs one of its own did not run.\n",
  );

export interface OwnRedis {
  readonly port: number;
  isRunning(): boolean;
  /** Resolves once it is gone, its files too. */
  stop(): Promise<void>;
}

/** Starts a server of the test's own, which answers when this resolves. `words` are for its command line. */
export async function startRedis(words: readonly string[] = []): Promise<OwnRedis> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "qtasks-redis-"));
  const place = words.includes("--tls-port") ? [] : ["--port", `${port}`];
  const given = words.map((word) => (word === "PORT" ? `${port}` : word));
  const server = spawn("redis-server", [
    ...place,
    "--bind",
    "127.0.0.1",
    "--dir",
    folder,
    "--save",
    "",
    ...given,
  ]);
  const ended = new Promise<void>((resolve) => server.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let said = "";
    server.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("Ready to accept connections")) resolve();
    });
    server.once("error", reject);
    void ended.then(() => reject(new Error(`redis-server ended: ${said}`)));
  });
  return {
    port,
    isRunning: () => server.exitCode === null && server.signalCode === null,
    async stop() {
      server.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Three servers that are one cluster when this resolves. */
export async function startCluster(): Promise<readonly OwnRedis[]> {
  return await joined(3, []);
}

/**
 * Three servers and a replica of each. A replica that has heard nothing of its server for five seconds takes its place:
 * on a busy machine no sooner.
 */
export async function startReplicatedCluster(): Promise<readonly OwnRedis[]> {
  const servers = await joined(6, ["--cluster-replicas", "1"], ["--cluster-node-timeout", "5000"]);
  const follows = ({ port }: OwnRedis) => ask(port, "INFO", "replication").includes("master_link_status:up");
  while (servers.filter(follows).length < 3) await sleep(100);
  return servers;
}

/** The server that takes the writes for a key, as one of the others sees it. */
export function holderOf(key: string, asked: OwnRedis, servers: readonly OwnRedis[]): OwnRedis {
  const moved = /^MOVED \d+ .*:(\d+)$/.exec(ask(asked.port, "TYPE", key));
  return servers.find(({ port }) => port === Number(moved?.[1])) ?? asked;
}

async function joined(
  count: number,
  how: readonly string[],
  words: readonly string[] = [],
): Promise<readonly OwnRedis[]> {
  const starts = Array.from({ length: count }, () => startRedis(["--cluster-enabled", "yes", ...words]));
  const servers = await Promise.all(starts);
  const places = servers.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync("redis-cli", ["--cluster", "create", ...places, ...how, "--cluster-yes"], { stdio: "pipe" });
  for (const { port } of servers) {
    while (clusterState(port) !== "ok") await sleep(100);
  }
  return servers;
}

/** As the server on this port sees its cluster: `ok`, or `fail`, when it serves nobody. */
export function clusterState(port: number): string | undefined {
  return /^cluster_state:(\w+)/m.exec(ask(port, "CLUSTER", "INFO"))?.[1];
}

/** What a server says, itself and no other of its cluster. */
function ask(port: number, ...words: readonly string[]): string {
  return execFileSync("redis-cli", ["-p", `${port}`, ...words], { encoding: "utf8" }).trim();
}

async function freePort(): Promise<number> {
  // A node of a cluster takes the port 10000 above its own as well.
  for (;;) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    if (address !== null && typeof address === "object" && address.port < 55_000) return address.port;
  }
}
