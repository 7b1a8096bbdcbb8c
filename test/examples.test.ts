import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { dropSchema, postgresUrl, redisUrl, removeKeys } from "./brokers/servers.js";

const repo = fileURLToPath(new URL("..", import.meta.url));
const workshop = mkdtempSync(join(tmpdir(), "qtasks-examples-"));
afterAll(() => rmSync(workshop, { recursive: true, force: true }));

describe("examples/embedded", () => {
  const expected = [
    "words: 5",
    "retry: price.fetch, attempt 1: the price list is locked",
    "price: { article: 'lamp', cents: 400 } after attempt 2",
    "batch: 2, 3",
    "counts: { new: 0, process: 0, success: 4, error: 0, cancel: 0 }",
    "closed",
    "",
  ].join("\n");

  test("works on its own tasks in one process, in memory, and ends by itself", () => {
    const run = node(["--import", "tsx", "examples/embedded/main.ts"], repo);
    expect(run).toMatchObject({ stdout: expected, stderr: "", status: 0 });
  });

  test("does the same on a queue file", () => {
    const file = join(workshop, "embedded.db");
    const run = node(["--import", "tsx", "examples/embedded/main.ts", `sqlite:${file}`], repo);
    expect(run).toMatchObject({ stdout: expected, stderr: "", status: 0 });
  });
});

describe("examples/session", () => {
  test("goes as the README shows it: install, init, list, run, worker, call, logs, retry, cancel, doctor", () => {
    const { stdout, stderr } = node(["examples/session/record.mjs"], repo);
    expect(stderr).toBe("");
    const readme = readFileSync(join(repo, "README.md"), "utf8");
    const shown = readme.split("<!-- session -->\n\n```\n")[1]?.split("```")[0] ?? "";
    // What each command says may differ where a machine is slow, such as "cancelled" for "cancelling".
    const stepsOf = (text: string) => text.split("\n").filter((line) => /^\$ |^\(exit /.test(line));
    expect(stepsOf(shown)).toEqual(stepsOf(stdout));
    expect(stepsOf(stdout).length).toBeGreaterThan(18);
  });
});

describe("examples/shop", () => {
  test("is a project where it stands", () => {
    const run = qtasks(["list", "--names"], join(repo, "examples", "shop"));
    expect(run).toMatchObject({ stdout: "mail.newsletter\nmail.send\n", stderr: "", status: 0 });
  });

  test("queues a mail with no worker about, and a worker started later sends it", () => {
    const shop = copyOfShop("later");
    const queued = qtasks(["call", "mail.send", "ada@x.org", "--quiet"], shop);
    expect(queued).toMatchObject({ stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/), status: 0 });
    const uuid = queued.stdout.trim();
    expect(qtasks(["result", uuid], shop)).toMatchObject({ stdout: "", status: 124 });
    expect(qtasks(["worker", "--burst"], shop)).toMatchObject({ stdout: "", status: 0 });
    const result = qtasks(["result", uuid], shop);
    expect(result).toMatchObject({ stderr: "", status: 0 });
    expect(JSON.parse(result.stdout)).toEqual({
      accepted: true,
      to: "ada@x.org",
      subject: "Welcome",
      attempt: 1,
    });
  });

  test("tries a busy mail server again, in one run", () => {
    const shop = copyOfShop("retry");
    const run = qtasks(["run", "mail.send", "bob@busy.example", "Hello Bob"], shop);
    expect(run.status).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ accepted: true, subject: "Hello Bob", attempt: 3 });
    const [task] = JSON.parse(qtasks(["status", "@last", "--json"], shop).stdout);
    const runs = task.history.map((one: { attempt: number; status: string }) => [one.attempt, one.status]);
    expect(runs).toEqual([
      [1, "error"],
      [2, "error"],
      [3, "success"],
    ]);
  });

  test("sends a newsletter through a worker with a single place", () => {
    const shop = copyOfShop("newsletter");
    qtasks(["call", "mail.newsletter", "News", "ada@x.org", "bob@busy.example", "--quiet"], shop);
    expect(qtasks(["worker", "--burst", "--concurrency", "1"], shop)).toMatchObject({ status: 0 });
    expect(qtasks(["result", "@last"], shop)).toMatchObject({ stdout: '{"sent":2}\n', status: 0 });
  });
});

describe("examples/cluster", async () => {
  const place = `qtasks_cluster_${randomUUID().replaceAll("-", "")}`;
  const [redis, postgres] = [await redisUrl(), await postgresUrl()];
  afterAll(async () => {
    if (redis !== undefined) await removeKeys(redis, place);
    if (postgres !== undefined) await dropSchema(postgres, place);
  });
  const servers = [
    ...(redis === undefined ? [] : [{ kind: "redis", url: `${redis}?prefix=${place}` }]),
    ...(postgres === undefined ? [] : [{ kind: "postgres", url: `${postgres}?schema=${place}` }]),
  ];

  test.skipIf(servers.length > 0)("no server found", () => {});

  test.each(servers)(
    "works on our tasks and on those of plain BullMQ, with two workers on $kind",
    ({ url }) => {
      const run = node(["examples/cluster/run.mjs"], repo, { QUEUE_URL: url });
      const plain = '{"page":11,"bytes":11000} {"page":12,"bytes":12000}';
      expect(run).toMatchObject({ stdout: `queued: 10\nplain BullMQ: ${plain}\ndone: 12\n`, status: 0 });
    },
  );
});

/** As a user's project: a folder of its own, with the package in its node_modules. */
function copyOfShop(name: string): string {
  const project = join(workshop, name);
  cpSync(join(repo, "examples", "shop"), project, {
    recursive: true,
    filter: (source) => !source.includes(".qtasks"),
  });
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module", private: true }));
  mkdirSync(join(project, "node_modules"));
  symlinkSync(repo, join(project, "node_modules", "qtasks"));
  return project;
}

function qtasks(words: readonly string[], cwd: string): SpawnSyncReturns<string> {
  return node([join(repo, "bin", "qtasks.js"), ...words], cwd);
}

function node(
  words: readonly string[],
  cwd: string,
  more: Readonly<Record<string, string>> = {},
): SpawnSyncReturns<string> {
  // Node takes an empty FORCE_COLOR, as the test run sets it, for a wish for colours.
  const { FORCE_COLOR: _, NODE_OPTIONS: __, ...env } = process.env;
  return spawnSync(process.execPath, words, {
    cwd,
    env: { ...env, ...more },
    encoding: "utf8",
    timeout: 110_000,
  });
}
