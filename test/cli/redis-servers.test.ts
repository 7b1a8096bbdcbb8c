import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCertificate } from "../brokers/certificate.js";
import { hasRedis, type OwnRedis, startCluster, startRedis } from "../brokers/ownRedis.js";
import { complaintOf, INLINE, Project } from "./project.js";

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly hint: string | null;
}

const TASKS = {
  "tasks/all.mjs": `import { app } from "qtasks"; app.task("add", async (a, b) => a + b);`,
};

function projectOn(broker: string): Project {
  return new Project({ ...TASKS, "qtasks.config.json": JSON.stringify({ broker }) }, INLINE);
}

/** Queues, works on it and prints what came of it. */
async function works(project: Project, how: { readonly env?: Readonly<Record<string, string>> } = {}) {
  expect(await project.qtasks(["run", "add", "2", "3"], how)).toMatchObject({ code: 0, stdout: "5\n" });
}

describe.skipIf(!hasRedis)("a Redis server that puts tasks at risk", () => {
  let server: OwnRedis;
  let project: Project;
  beforeAll(async () => {
    server = await startRedis(["--maxmemory-policy", "allkeys-lru"]);
    project = projectOn(`redis://127.0.0.1:${server.port}`);
  });
  afterAll(() => server.stop());

  test("is named by doctor and by a worker at its start, and by no other command", async () => {
    const risks = [/may evict tasks: its maxmemory-policy is allkeys-lru/, /keeps nothing on disk/];
    const queued = await project.qtasks(["call", "add", "1", "2"]);
    const worked = await project.burst();
    const ran = await project.qtasks(["run", "add", "1", "2"]);
    for (const risk of risks) {
      expect(worked.stderr).toMatch(risk);
      expect(queued.stderr + ran.stderr).not.toMatch(risk);
    }
    const findings = await project.json<readonly Finding[]>(["doctor"]);
    const wrong = findings.filter(({ ok }) => !ok);
    expect(wrong).toMatchObject([
      { check: "eviction", detail: expect.stringMatching(risks[0] as RegExp), hint: expect.any(String) },
      { check: "durability", detail: expect.stringMatching(risks[1] as RegExp), hint: expect.any(String) },
    ]);
  });

  test("is sound for doctor once it keeps all and evicts nothing", async () => {
    const admin = new Redis(server.port);
    await admin.config("SET", "maxmemory-policy", "noeviction");
    await admin.config("SET", "appendfsync", "always");
    await admin.config("SET", "appendonly", "yes");
    const keys = await admin.dbsize();
    const { code, stdout } = await project.qtasks(["doctor"]);
    expect({ code, keys: await admin.dbsize() }).toEqual({ code: 0, keys });
    expect(stdout).toMatch(/^ok {4}server +Redis \d+\.\d+\.\d+, one server, no TLS$/m);
    expect(stdout).toMatch(/^ok {4}durability +.*what is acknowledged is on disk$/m);
    expect(stdout).toMatch(/^ok {4}queue +2 success; keys bull:.*:…, described by bullmq:6\./m);
    await admin.quit();
  });
});

describe.skipIf(!hasRedis)("a Redis server behind TLS and a password", () => {
  let server: OwnRedis;
  let url: string;
  const own = hasRedis ? makeCertificate() : { key: "", certificate: "", remove: () => {} };
  const trusting = { env: { NODE_EXTRA_CA_CERTS: own.certificate } };
  beforeAll(async () => {
    const tls = ["--tls-port", "PORT", "--port", "0", "--tls-cert-file", own.certificate];
    const more = ["--tls-key-file", own.key, "--tls-auth-clients", "no", "--requirepass", "swordfish"];
    server = await startRedis([...tls, ...more]);
    url = `rediss://:swordfish@127.0.0.1:${server.port}`;
  });
  afterAll(async () => {
    await server.stop();
    own.remove();
  });

  test("serves by its URL, and shows the password nowhere", async () => {
    const project = projectOn(url);
    await works(project, trusting);
    const said = [
      await project.qtasks(["--verbose", "doctor", "--json"], trusting),
      await project.burst(["--log-level", "debug", "--log-format", "json"], trusting),
      await project.qtasks(["--verbose", "status"], {
        env: { ...trusting.env, QTASKS_BROKER: url.replace("swordfish", "swordfish-too") },
      }),
    ];
    expect(said.map(({ code }) => code)).toEqual([1, 0, 5]);
    expect(said.map(({ stdout, stderr }) => stdout + stderr).join()).not.toContain("swordfish");
    expect(said[0]?.stdout).toContain(", TLS");
  });

  test("serves by an object with its authority", async () => {
    const config = `
import { readFileSync } from "node:fs";
import { defineConfig, RedisBroker } from "qtasks";
const tls = { ca: readFileSync(${JSON.stringify(own.certificate)}) };
const connection = { host: "127.0.0.1", port: ${server.port}, password: "swordfish", tls };
export default defineConfig({ broker: new RedisBroker({ queue: "by-object", connection }) });`;
    const project = new Project({ ...TASKS, "qtasks.config.mjs": config }, INLINE);
    await works(project);
    expect((await project.qtasks(["doctor"])).stdout).toContain(`redis://127.0.0.1:${server.port}\n`);
  });

  test("is refused where its authority is not known, with what to set", async () => {
    const ended = await projectOn(url).qtasks(["status"]);
    expect(ended.code).toBe(5);
    expect(complaintOf(ended).error).toContain("self-signed certificate");
    expect(complaintOf(ended).hint).toContain("NODE_EXTRA_CA_CERTS");
  });
});

describe.skipIf(!hasRedis)("a Redis cluster", () => {
  let servers: readonly OwnRedis[];
  beforeAll(async () => {
    servers = await startCluster();
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  test("serves by the URL of any of its nodes, with a prefix in braces", async () => {
    const [first, ...others] = servers.map(({ port }) =>
      projectOn(`redis://127.0.0.1:${port}?prefix={shop}`),
    );
    const worker = await first?.startWorker();
    for (const project of others) {
      const asked = await project.qtasks(["call", "add", "2", "3", "--timeout", "60"]);
      expect(asked).toMatchObject({ code: 0, stdout: "5\n" });
    }
    const { stdout } = (await first?.qtasks(["doctor"])) ?? {};
    expect(stdout).toContain("cluster of 3 primaries");
    expect(stdout).toContain("2 success; keys {shop}:");
    worker?.kill("SIGTERM");
    expect(await worker?.ended).toMatchObject({ code: 0 });
  });

  test("refuses a prefix without braces, with one that would do", async () => {
    const ended = await projectOn(`redis://127.0.0.1:${servers[0]?.port}`).qtasks(["call", "add", "2", "3"]);
    expect(ended.code).toBe(5);
    expect(complaintOf(ended).error).toContain("cluster");
    expect(complaintOf(ended).hint).toContain("?prefix={shop}");
  });
});
