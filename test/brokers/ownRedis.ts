import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const hasRedis = (process.env.PATH ?? "")
  .split(":")
  .some((folder) => existsSync(`${folder}/redis-server`));

if (!hasRedis)
  process.stderr.write(
    "\nSKIPPED: no redis-server is installed, so what needs one of its own did not run.\n",
  );

export interface OwnRedis {
  readonly port: number;
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
    async stop() {
      server.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Three servers that are one cluster when this resolves. */
export async function startCluster(): Promise<readonly OwnRedis[]> {
  const words = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
  const servers = await Promise.all([0, 1, 2].map(() => startRedis(words)));
  const places = servers.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync("redis-cli", ["--cluster", "create", ...places, "--cluster-yes"], { stdio: "pipe" });
  return servers;
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
