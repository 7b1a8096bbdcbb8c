import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { namedPlaces } from "../brokers/servers.js";
import { complaintOf, INLINE, Project } from "./project.js";

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

const TASKS = {
  "tasks/all.mjs": `
import { app } from "qtasks";
import { gate } from "../gate.mjs";
export const add = app.task("add", async (a, b) => a + b);
export const mark = app.task("mark", async (label) => label);
export const hold = app.task("hold", async (key) => {
  console.log("holding");
  await gate(key);
  return key;
});`,
};

const places = await namedPlaces(`qtasks_test_${randomUUID().replaceAll("-", "")}`);

afterAll(() => Promise.all(places.map((place) => place.clear())));

const AHEAD = "const now = Date.now; Date.now = () => now() + 3600000;";
const anHourAhead = {
  env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(AHEAD)}` },
};

test.skipIf(places.length > 0)("no server found", () => {});

describe.each(places)("one line of config moves a project to $kind", ({ kind, broker, traces }) => {
  const project = new Project(
    { ...TASKS, "qtasks.config.json": JSON.stringify({ name: `cli-${kind}`, broker }) },
    INLINE,
  );

  test("doctor looks at the server, and makes nothing there", async () => {
    const findings = await project.json<readonly Finding[]>(["doctor"]);
    expect(findings.filter(({ ok }) => !ok).filter(({ check }) => check !== "durability")).toEqual([]);
    const checks = findings.map(({ check }) => check);
    expect(checks).toEqual(expect.arrayContaining(["server", "durability", "server clock", "queue"]));
    expect(await traces()).toBe(0);
  });

  test("a machine whose clock is wrong schedules and takes tasks by the server's clock", async () => {
    const later = await project.call(["mark", "later", "--delay", "30m"]);
    expect(await project.burst([], anHourAhead)).toMatchObject({ code: 0 });
    const worker = await project.startWorker();
    const soon = await project.qtasks(
      ["call", "mark", "soon", "--delay", "1", "--timeout", "90"],
      anHourAhead,
    );
    expect(soon).toMatchObject({ code: 0, stdout: "soon\n" });
    expect(await project.json(["status", later])).toMatchObject([{ status: "new", attempt: 0 }]);
    worker.kill("SIGTERM");
    await worker.ended;
  });

  test("doctor tells a wrong clock, what nobody takes, and the task of a worker that died", async () => {
    const worker = await project.startWorker(["--name", "night", "--only", "hold"], {
      env: { QTASKS_LEASE: "1" },
    });
    await project.call(["hold", "night"]);
    await project.call(["mark", "unserved"]);
    await project.appears("night.began");
    const found = async (check: string) =>
      (await project.json<readonly Finding[]>(["doctor"])).find((finding) => finding.check === check);
    const { stdout } = await project.qtasks(["doctor"], anHourAhead);
    expect(stdout).toMatch(/^ok {4}workers +night \(pid \d+ on .*\); nobody .* wait: mark$/m);
    expect(stdout).toMatch(/^FAIL {2}server clock this machine's clock is 3\d{3}\.\d s ahead of it/m);
    worker.kill("SIGKILL");
    await worker.ended;
    await expect
      .poll(() => found("orphans"), { timeout: 60_000 })
      .toMatchObject({
        ok: false,
        detail: expect.stringMatching(/^1 running task/),
      });
  });

  test("the password of its URL is shown nowhere", async () => {
    const url = new URL(broker);
    url.port = "1";
    url.password = "swordfish";
    const ended = await project.qtasks(["--verbose", "status", "--broker", url.href]);
    expect(ended.code).toBe(5);
    expect(ended.stdout + ended.stderr).not.toContain("swordfish");
  });
});

describe("a server that cannot be used is exit 5, in one line", () => {
  const project = new Project(TASKS, INLINE);

  test.each(["redis://127.0.0.1:1", "postgres://me@127.0.0.1:1/mine"])("%s", async (url) => {
    for (const words of [["call", "add", "1", "2"], ["worker"], ["status"], ["run", "add", "1", "2"]]) {
      const ended = await project.qtasks([...words, "--broker", url]);
      expect(ended).toMatchObject({ code: 5, stdout: "" });
      expect(complaintOf(ended).error).toContain("ECONNREFUSED");
    }
  });
});
