import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ConfigError, LoadError } from "../../src/core/errors.js";
import { loadProject } from "../../src/setup/loadConfig.js";
import type { Project } from "../../src/setup/projectConfig.js";
import { createFolder } from "./folder.js";

interface Call {
  readonly cwd?: string;
  readonly configFile?: string;
  readonly flags?: Record<string, unknown>;
  readonly environment?: Record<string, string>;
}

function load(
  root: string,
  { cwd = root, configFile, flags = {}, environment = {} }: Call = {},
): Promise<Project> {
  for (const [variable, text] of Object.entries(environment)) vi.stubEnv(variable, text);
  return loadProject({ cwd, configFile, flags, flagNames: { grace: "--grace" } });
}

afterEach(() => {
  vi.unstubAllEnvs();
});

const refusal = (loading: Promise<unknown>) =>
  loading.then(
    () => undefined,
    (error: unknown) => error as Error & { code: string; hint: string },
  );

describe("a project's config", () => {
  test.each<[string, string]>([
    ["qtasks.config.ts", "const name: string = 'shop';\nexport default { name };"],
    ["qtasks.config.mts", "export default { name: 'shop' as string };"],
    ["qtasks.config.js", "module.exports = { name: 'shop' };"],
    ["qtasks.config.mjs", "export default { name: 'shop' };"],
    ["qtasks.config.cjs", "module.exports = { name: 'shop' };"],
    ["qtasks.config.json", '{ "name": "shop" }'],
    [".qtasksrc", "name: shop"],
    [".qtasksrc.json", '{ "name": "shop" }'],
    [".qtasksrc.yaml", "name: shop"],
    [".qtasksrc.ts", "export default { name: 'shop' };"],
    ["package.json", '{ "name": "not-this", "qtasks": { "name": "shop" } }'],
  ])("is read from %s", async (file, text) => {
    const root = createFolder({ [file]: text });
    expect(await load(root)).toMatchObject({
      root,
      configFile: join(root, file),
      config: { name: "shop", lease: 15 },
    });
  });

  test("is looked for upward; its folder is the project's root", async () => {
    const root = createFolder({ "qtasks.config.json": '{ "name": "shop" }', "a/b/c.txt": "" });
    expect(await load(root, { cwd: join(root, "a/b") })).toMatchObject({ root, config: { name: "shop" } });
  });

  test("is the nearest one", async () => {
    const root = createFolder({
      "qtasks.config.json": '{ "name": "outer" }',
      "a/qtasks.config.json": '{ "name": "inner" }',
      "a/b/c.txt": "",
    });
    expect((await load(root, { cwd: join(root, "a/b") })).config.name).toBe("inner");
  });

  test("in a package.json without a qtasks key is none", async () => {
    const root = createFolder({
      "qtasks.config.json": '{ "name": "outer" }',
      "a/package.json": '{ "name": "x" }',
    });
    expect((await load(root, { cwd: join(root, "a") })).config.name).toBe("outer");
  });

  test("may be named, relative to the folder of the call", async () => {
    const root = createFolder({
      "conf/other.json": '{ "name": "other" }',
      "qtasks.config.json": '{ "name": "no" }',
    });
    expect(await load(root, { configFile: "conf/other.json" })).toMatchObject({
      root: join(root, "conf"),
      config: { name: "other" },
    });
  });

  test("may be empty: then the defaults serve", async () => {
    const root = createFolder({ "qtasks.config.json": "" });
    expect(await load(root)).toMatchObject({
      configFile: join(root, "qtasks.config.json"),
      config: { name: "qtasks" },
    });
  });

  test("keeps functions and objects as they are", async () => {
    const root = createFolder({
      "qtasks.config.mts":
        "export default { taskDefaultDecode: (x) => [x], plugins: [{ name: 'p', setup() {} }] };",
    });
    const { config } = await load(root);
    expect(config.taskDefaultDecode?.(1)).toEqual([1]);
    expect(config.plugins).toHaveLength(1);
  });
});

describe("without a config", () => {
  test("a folder of tasks right there makes a project with defaults", async () => {
    const root = createFolder({ "tasks/a.ts": "" });
    expect(await load(root)).toMatchObject({ root, configFile: undefined, config: { tasks: "tasks" } });
  });

  test("but not one further up", async () => {
    const root = createFolder({ "tasks/a.ts": "", "deep/b.txt": "" });
    expect(await refusal(load(root, { cwd: join(root, "deep") }))).toMatchObject({ code: "E_LOAD" });
  });

  test("tasks named elsewhere make one too", async () => {
    const root = createFolder({ "jobs/a.ts": "" });
    expect((await load(root, { flags: { tasks: "jobs" } })).config.tasks).toBe("jobs");
  });

  test("and without tasks there is no project, which is an error that says what to do", async () => {
    const root = createFolder();
    const error = await refusal(load(root));
    expect(error).toBeInstanceOf(LoadError);
    expect(error?.message).toContain(`no qtasks.config.ts from ${root} upward`);
    expect(error?.hint).toContain("qtasks init");
  });
});

test("a flag is stronger than the environment, that than the file, and the file than the default", async () => {
  const root = createFolder({
    "qtasks.config.json": '{ "grace": 3, "lease": 3, "killGrace": 3 }',
  });
  const environment = { QTASKS_GRACE: "2", QTASKS_LEASE: "2s" };
  const { config } = await load(root, { flags: { grace: 1 }, environment });
  expect(config).toMatchObject({ grace: 1, lease: 2, killGrace: 3, busyTimeout: 10 });
});

describe("a config that is wrong is refused, naming the file", () => {
  test.each<[string, string, RegExp]>([
    ["an unknown key", '{ "brokr": "memory:" }', /has an unknown key "brokr"/],
    ["a wrong value", '{ "lease": "soon" }', /^lease in .* is "soon"/],
    ["what is no object", "[1]", /exports no config/],
    ["text that is no JSON", "{ nonsense", /line 1/],
  ])("%s", async (_, text, message) => {
    const root = createFolder({ "qtasks.config.json": text });
    const error = await refusal(load(root));
    expect(error?.message).toMatch(message);
    expect(error?.message).toContain("qtasks.config.json");
    expect(["E_CONFIG", "E_LOAD"]).toContain(error?.code);
  });

  test("a module that exports none", async () => {
    const root = createFolder({ "qtasks.config.mts": "export default 5;" });
    expect(await refusal(load(root))).toBeInstanceOf(ConfigError);
  });

  test("a module that throws: with its line and message", async () => {
    const root = createFolder({ "qtasks.config.mts": "\nthrow new Error('no key');" });
    expect((await refusal(load(root)))?.message).toBe("qtasks.config.mts:2 failed to load: no key");
  });

  test.each<[string, Call]>([
    ["a flag", { flags: { loadTimeout: 0.2 } }],
    ["the environment", { environment: { QTASKS_LOAD_TIMEOUT: "200ms" } }],
  ])("a module that hangs: after the loadTimeout of %s", async (_, call) => {
    const root = createFolder({ "qtasks.config.mts": "await new Promise(() => {});" });
    const error = await refusal(load(root, call));
    expect(error?.message).toBe("qtasks.config.mts did not finish loading within 0.2 seconds.");
  });

  test("one that was named and is not there", async () => {
    const root = createFolder();
    expect(await refusal(load(root, { configFile: "gone.ts" }))).toMatchObject({
      code: "E_LOAD",
      message: expect.stringContaining("gone.ts"),
    });
  });

  test("one that was named and is a folder", async () => {
    const root = createFolder();
    mkdirSync(join(root, "folder"));
    expect((await refusal(load(root, { configFile: "folder" })))?.code).toBe("E_LOAD");
  });

  test("a flag, by its name", async () => {
    const root = createFolder({ "tasks/a.ts": "" });
    expect((await refusal(load(root, { flags: { grace: "soon" } })))?.message).toBe(
      '--grace in the command line is "soon".',
    );
  });

  test("a variable of the environment", async () => {
    const root = createFolder({ "tasks/a.ts": "" });
    expect((await refusal(load(root, { environment: { QTASKS_LEASE: "soon" } })))?.message).toBe(
      'QTASKS_LEASE in the environment is "soon".',
    );
  });
});
