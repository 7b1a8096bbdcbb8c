import { afterAll, beforeAll, describe, expect } from "vitest";
import { NetworkProxy, PostgresServer, RedisServer } from "../../scripts/servers.mjs";
import { complaintOf, Project } from "../cli/project.js";
import { GATED, launchWorker, type Process, type Shown, startsOf, testWith, until } from "./stage.js";

const KINDS = [
  { kind: "redis", Server: RedisServer },
  { kind: "postgres", Server: PostgresServer },
];

describe.each(KINDS)("faults of a $kind server and of the network before it", ({ kind, Server }) => {
  const testHere = testWith(Server.isThere, `a ${kind} server that can be started here`);
  const server = Server.isThere ? new Server() : undefined;
  const proxies: NetworkProxy[] = [];
  let places = 0;

  beforeAll(async () => await server?.start());
  afterAll(async () => {
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await server?.remove();
  });

  /** A queue of its own, whose project talks through a proxy, and whose test looks past it. */
  async function place(lease = 60) {
    if (server === undefined) throw new Error("there is no server");
    const proxy = await new NetworkProxy(server.port).listen();
    proxies.push(proxy);
    const config = JSON.stringify({ name: `place-${++places}`, lease, grace: 1 });
    const through = { QTASKS_BROKER: server.urlAt(proxy.port) };
    const project = new Project({ "tasks/all.mjs": GATED, "qtasks.config.json": config }, through);
    return { server, proxy, project, past: { env: { QTASKS_BROKER: server.url } } };
  }
  type Place = Awaited<ReturnType<typeof place>>;

  async function queued({ project, past }: Place, ...words: string[]): Promise<string> {
    return await project.call(words, past);
  }

  async function record({ project, past }: Place, uuid: string): Promise<Shown> {
    const [found] = await project.json<[Shown]>(["status", uuid], past);
    return found;
  }

  const nextWord = (worker: Process, uuid: string) => worker.logs("taskSuccess", uuid);

  testHere(
    "restarted while tasks run and are waited for: each has its one result, without a hand",
    async () => {
      const here = await place();
      const { project, proxy } = here;
      const worker = await launchWorker(project);
      const uuid = await queued(here, "once");
      await until("one runs", () => startsOf(project).length === 1);
      const waits = [
        project.start(["wait", uuid]),
        project.start(["call", "once", "--timeout", "200"]),
        project.start(["run", "once"]),
      ];
      await until("all run", () => startsOf(project).length === 3);
      await here.server.kill();
      for (const fence of startsOf(project)) project.write(`go-${fence}`);
      await worker.running.says(/storing results/);
      await here.server.start();
      const ends = await Promise.all(waits.map(({ ended }) => ended));
      expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
      expect(startsOf(project)).toHaveLength(3);
      expect(await record(here, uuid)).toMatchObject({ status: "success", returning: 1, history: [{}] });
      // A worker whose server is gone can be stopped all the same.
      proxy.refuse();
      worker.running.kill("SIGTERM");
      expect((await worker.ended).code).toBe(0);
    },
  );

  testHere.each(["cut", "swallow"] as const)(
    "%s: a worker goes on by itself, and a wait survives",
    async (fault) => {
      const here = await place();
      const { project, proxy } = here;
      const worker = await launchWorker(project);
      const waited = await queued(here, "once");
      const cancelled = await queued(here, "once");
      const wait = project.start(["wait", waited]);
      await until("both run", () => startsOf(project).length === 2);
      proxy[fault]();
      const [first = ""] = startsOf(project);
      project.write(`go-${first}`);
      await project.appears(`ends-${first}`);
      proxy.pass();
      expect((await wait.ended).code).toBe(0);
      const later = await queued(here, "add", "1", "2");
      await nextWord(worker, later);
      await project.qtasks(["cancel", cancelled], here.past);
      await worker.logs("taskCancel", cancelled);
      expect(await record(here, waited)).toMatchObject({ status: "success", history: [{}] });
    },
  );

  testHere.each(["cut", "swallow"] as const)(
    "%s before the answer to `call`: exit 5 says that it is unknown, and --unique makes one task of both tries",
    async (fault) => {
      const here = await place();
      const { project, proxy } = here;
      const words = ["call", "add", "1", "needle", "--unique", "key"];
      const struck = proxy.atText("needle", "client", fault);
      const ended = await project.qtasks(words);
      await struck;
      expect(ended).toMatchObject({ code: 5, stdout: "" });
      const { error, hint } = complaintOf(ended);
      expect(error).toContain("may or may not be stored");
      expect(hint).toContain("unique");
      proxy.pass();
      expect((await project.qtasks(words)).code).toBe(0);
      const { counts } = await project.json<{ counts: { new: number } }>(["status"], here.past);
      expect(counts.new).toBe(1);
    },
  );

  testHere(
    "cut before the answer to a claim, and to a result: it runs once, at once, and nothing is lost",
    async () => {
      const here = await place();
      const { project, proxy } = here;
      const claimCut = proxy.atText("needle", "server");
      const worker = await launchWorker(project);
      const uuid = await queued(here, "add", "1", "needle");
      await claimCut;
      const resultCut = proxy.atText("1needle", "client");
      await resultCut;
      await until("the result is there", async () => (await record(here, uuid)).status === "success");
      const { attempt, deaths, history } = await record(here, uuid);
      expect({ attempt, deaths, runs: history.length }).toEqual({ attempt: 1, deaths: 0, runs: 1 });
      await nextWord(worker, await queued(here, "add", "2", "3"));
    },
  );

  testHere(
    "half-open in the middle of the first step of `run`: nobody waits for what that holds",
    async () => {
      const { project, proxy, past } = await place();
      const struck = proxy.atText("needle", "client", "swallow");
      const run = project.start(["run", "add", "1", "needle", "--unique", "key"]);
      await struck;
      expect(await project.qtasks(["call", "add", "2", "3", "--unique", "other"], past)).toMatchObject({
        code: 0,
      });
      run.kill("SIGKILL");
    },
  );

  testHere(
    "a frozen worker's task is run by another, its late result refused; a killed one's runs again",
    async () => {
      const here = await place(2);
      const { project } = here;
      const frozen = await launchWorker(project, ["--name", "frozen"]);
      const uuid = await queued(here, "once");
      await until("one runs it", () => startsOf(project).length === 1);
      await frozen.freeze();
      // Its one place is taken, so that what comes next is for the first.
      const other = await launchWorker(project, ["--name", "other", "-c", "1"]);
      await until("another runs it", () => startsOf(project).length === 2);
      // Claims are counted through for all queues of a PostgreSQL server.
      project.write(`go-${startsOf(project)[0]}`);
      frozen.thaw();
      await nextWord(frozen, await queued(here, "add", "1", "2"));
      other.kill();
      await until("the first runs it again", () => startsOf(project).length === 3);
      const [, , last = ""] = startsOf(project);
      project.write(`go-${last}`);
      await frozen.logs("taskSuccess", uuid);
      expect(await record(here, uuid)).toMatchObject({
        returning: Number(last),
        attempt: 1,
        deaths: 2,
        history: [{ status: "lost" }, { status: "lost" }, { status: "success" }],
      });
    },
  );
});
