import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect } from "vitest";
import {
  clusterState,
  hasRedis,
  holderOf,
  type OwnRedis,
  startReplicatedCluster,
} from "../brokers/ownRedis.js";
import { complaintOf, Project } from "../cli/project.js";
import { GATED, launchWorker, type Shown, startsOf, testWith, until } from "./stage.js";

const test = testWith(hasRedis, "a redis-server that can be started here");

describe("a node of a Redis cluster that is killed, and has a replica", () => {
  let servers: readonly OwnRedis[] = [];
  beforeAll(async () => {
    if (hasRedis) servers = await startReplicatedCluster();
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  test("tasks run on, each once, and what the replica has is all there when it takes over", async () => {
    const [asked] = servers as [OwnRedis];
    const holder = holderOf("{shop}", asked, servers);
    const others = servers.filter((server) => server !== holder);
    const urlOf = ({ port }: OwnRedis) => `redis://127.0.0.1:${port}?prefix={shop}`;
    const config = JSON.stringify({ name: "shop", lease: 300, grace: 1 });
    // The worker and who waits were told of no other node than the one that dies.
    const project = new Project(
      { "tasks/all.mjs": GATED, "qtasks.config.json": config },
      { QTASKS_BROKER: urlOf(holder) },
    );
    const by = (turn: number) => ({
      env: { QTASKS_BROKER: urlOf(others[turn % others.length] as OwnRedis) },
    });

    const worker = await launchWorker(project, ["-c", "2"]);
    const waited = await project.call(["once"]);
    const waits = [project.start(["wait", waited]), project.start(["call", "once", "--timeout", "200"])];
    await until("both run", () => startsOf(project).length === 2);
    const queued = [waited];
    for (const number of ["1", "2", "3"]) queued.push(await project.call(["add", number, "0"]));
    await replicated(holder);

    await holder.stop();
    for (const fence of startsOf(project)) project.write(`go-${fence}`);
    let refusals = 0;
    await until("a call is stored again", async () => {
      const ended = await project.qtasks(["call", "add", "4", "0", "--unique", "four"], by(refusals));
      if (ended.code === 0) queued.push(ended.stdout.trim());
      else {
        refusals++;
        expect(ended).toMatchObject({ code: 5, stdout: "" });
        expect(complaintOf(ended).error).toMatch(/may or may not be stored|nothing was written/);
      }
      return ended.code === 0;
    });
    expect(holderOf("{shop}", others[0] as OwnRedis, servers)).not.toBe(holder);

    expect((await Promise.all(waits.map(({ ended }) => ended))).map(({ code }) => code)).toEqual([0, 0]);
    for (const uuid of queued.slice(1)) await worker.logs("taskSuccess", uuid);
    const records = await project.json<readonly Shown[]>(["status", ...queued], by(0));
    const once = { status: "success", deaths: 0, history: [{ status: "success" }] };
    expect(records).toMatchObject(queued.map(() => once));
    const { counts } = await project.json<{ counts: object }>(["status"], by(1));
    expect(counts).toEqual({ new: 0, process: 0, success: 6, error: 0, cancel: 0 });
    expect(startsOf(project)).toHaveLength(2);
  });

  test("once no replica is left to take over, a command ends with 5, and does not wait for ever", async () => {
    const [asked] = servers.filter(({ isRunning }) => isRunning()) as [OwnRedis];
    for (const server of servers) if (server !== asked) await server.stop();
    await until("the one left serves nobody", () => clusterState(asked.port) === "fail");
    const project = new Project({ "tasks/all.mjs": GATED });
    const broker = `redis://127.0.0.1:${asked.port}?prefix={shop}`;
    const ended = await project.qtasks(["call", "add", "1", "2", "--broker", broker]);
    expect(ended).toMatchObject({ code: 5, stdout: "" });
    expect(complaintOf(ended).error).toContain("may or may not be stored");
  });
});

/** Resolves once the server's replica has all that was stored until now. */
async function replicated({ port }: OwnRedis): Promise<void> {
  const redis = new Redis(port);
  // A connection waits for its own writes, and so for all before them.
  await redis.set("{shop}:mark", "");
  await redis.wait(1, 0);
  await redis.quit();
}
