import { afterAll, expect } from "vitest";
import { RedisServer } from "../../scripts/servers.mjs";
import { Project } from "../cli/project.js";
import { canMakeHosts, Host } from "./hosts.js";
import { GATED, launchCommand, type Process, type Shown, startsOf, testWith, until } from "./stage.js";

const isPossible = canMakeHosts && RedisServer.isThere;
const server = isPossible ? new RedisServer() : undefined;
const hosts: Host[] = [];

afterAll(async () => {
  for (const host of hosts) host.remove();
  await server?.remove();
});

testWith(isPossible, "network namespaces (root, iproute2) or a Redis server")(
  "one of three hosts is cut off and healed: its task runs elsewhere, its late result is refused, it works on",
  async () => {
    if (server === undefined) return;
    await server.start("0.0.0.0");
    const config = JSON.stringify({ name: "hosts", lease: 2, grace: 1 });
    const here = { QTASKS_BROKER: server.url };
    const project = new Project({ "tasks/all.mjs": GATED, "qtasks.config.json": config }, here);
    for (let index = 0; index < 3; index++) hosts.push(new Host());
    const workers = new Map<string, { host: Host; worker: Process }>();
    await Promise.all(
      hosts.map(async (host, index) => {
        const worker = await startOn(project, host, `host-${index}`);
        workers.set(`host-${index}`, { host, worker });
      }),
    );
    const last = hosts.at(-1) as Host;
    const called = project.startCommand("ip", last.command("call", "once", "--quiet").slice(1), on(last));
    const uuid = (await called.ended).stdout.trim();
    await until("it runs", () => startsOf(project).length === 1);

    const { worker: name } = await record(project, uuid);
    const { host, worker } = workers.get(name ?? "") as { host: Host; worker: Process };
    host.cut();
    await until("another host runs it", () => startsOf(project).length === 2);
    const [stale = "", newer = ""] = startsOf(project);
    project.write(`go-${stale}`);
    await project.appears(`ends-${stale}`);
    host.heal();
    // Nobody else is left for what comes now.
    const others = [...workers.values()].filter((other) => other.worker !== worker);
    project.write(`go-${newer}`);
    await Promise.any(others.map((other) => other.worker.logs("taskSuccess", uuid)));
    for (const other of others) other.worker.running.kill("SIGTERM");
    await worker.logs("taskSuccess", await project.call(["add", "1", "2"]));
    expect(await record(project, uuid)).toMatchObject({
      returning: Number(newer),
      history: [{ status: "lost", worker: name }, { status: "success" }],
    });
  },
);

async function record(project: Project, uuid: string): Promise<Shown> {
  const [found] = await project.json<[Shown]>(["status", uuid]);
  return found;
}

async function startOn(project: Project, host: Host, name: string): Promise<Process> {
  const words = ["worker", "--processes", "1", "--log-format", "json", "--name", name];
  const worker = await launchCommand(project, host.command(...words), on(host));
  await worker.running.says(/concurrency \d+/);
  return worker;
}

function on(host: Host) {
  return { env: { QTASKS_BROKER: server?.urlAt(server.port, host.gateway) ?? "" } };
}
