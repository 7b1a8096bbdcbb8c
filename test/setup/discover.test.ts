import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { LoadError } from "../../src/core/errors.js";
import { discoverTaskFiles } from "../../src/setup/discover.js";
import { createFolder } from "./folder.js";

async function found(root: string, tasks: string | readonly string[]): Promise<readonly string[]> {
  return (await discoverTaskFiles(root, tasks)).map((file) => relative(root, file));
}

describe("a folder of tasks", () => {
  test("gives every module in it and in its folders, sorted, of every kind of file", async () => {
    const root = createFolder({
      "tasks/b.ts": "",
      "tasks/a.js": "",
      "tasks/deep/er/c.mts": "",
      "tasks/d.cts": "",
      "tasks/e.mjs": "",
      "tasks/f.cjs": "",
      "other/x.ts": "",
    });
    expect(await found(root, "tasks")).toEqual(
      ["a.js", "b.ts", "d.cts", "deep/er/c.mts", "e.mjs", "f.cjs"].map((name) => join("tasks", name)),
    );
  });

  test("leaves out what is no task module", async () => {
    const root = createFolder({
      "tasks/a.ts": "",
      "tasks/a.test.ts": "",
      "tasks/a.spec.js": "",
      "tasks/types.d.ts": "",
      "tasks/types.d.mts": "",
      "tasks/readme.md": "",
      "tasks/data.json": "",
      "tasks/view.tsx": "",
      "tasks/.hidden.ts": "",
      "tasks/.cache/b.ts": "",
      "tasks/node_modules/pkg/index.js": "",
    });
    expect(await found(root, "tasks")).toEqual(["tasks/a.ts"]);
  });

  test("may be empty", async () => {
    const root = createFolder({ "tasks/readme.md": "" });
    expect(await found(root, "tasks")).toEqual([]);
  });

  test("that is missing is an error that says where it was looked for", async () => {
    const root = createFolder();
    const error = await discoverTaskFiles(root, "tasks").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LoadError);
    expect(error).toMatchObject({
      code: "E_LOAD",
      message: `There are no tasks at tasks: ${join(root, "tasks")} cannot be found.`,
    });
  });
});

describe("places may also be", () => {
  const files = {
    "tasks/a.ts": "",
    "tasks/b.ts": "",
    "src/mail/tasks.ts": "",
    "src/pay/tasks.ts": "",
    "one.ts": "",
  };

  test("one file", async () => {
    expect(await found(createFolder(files), "one.ts")).toEqual(["one.ts"]);
  });

  test("a glob", async () => {
    expect(await found(createFolder(files), "src/*/tasks.ts")).toEqual([
      "src/mail/tasks.ts",
      "src/pay/tasks.ts",
    ]);
    expect(await found(createFolder(files), "{tasks,src}/**/[at]*.ts")).toEqual([
      "src/mail/tasks.ts",
      "src/pay/tasks.ts",
      "tasks/a.ts",
    ]);
  });

  test("a list of them, where each module counts once", async () => {
    expect(await found(createFolder(files), ["tasks", "tasks/a.ts", "tasks/*.ts", "one.ts"])).toEqual([
      "one.ts",
      "tasks/a.ts",
      "tasks/b.ts",
    ]);
  });

  test("a glob that finds nothing", async () => {
    expect(await found(createFolder(files), "jobs/**/*.ts")).toEqual([]);
  });

  test("and a glob leaves out what a folder does, node_modules too", async () => {
    const root = createFolder({
      "a.ts": "",
      "a.test.ts": "",
      "node_modules/pkg/index.js": "",
      ".x/b.ts": "",
    });
    expect(await found(root, "**/*.{ts,js}")).toEqual(["a.ts"]);
  });

  test("a list in which a glob takes away from the others", async () => {
    expect(await found(createFolder(files), ["tasks/*.ts", "!tasks/b.ts"])).toEqual(["tasks/a.ts"]);
    expect(await found(createFolder(files), ["tasks", "!**/b.ts"])).toEqual(["tasks/a.ts"]);
  });
});

describe("tasks that leave the project are refused", () => {
  test.each([["../outside"], ["tasks/../../outside"], ["../outside/*.ts"], ["../outside/a.ts"]])(
    "by the place %s",
    async (place) => {
      const parent = createFolder({ "outside/a.ts": "", "project/tasks/a.ts": "" });
      await expect(discoverTaskFiles(join(parent, "project"), place)).rejects.toThrow(
        /lie outside the project/,
      );
    },
  );

  test("by an absolute place", async () => {
    const outside = createFolder({ "a.ts": "" });
    const root = createFolder();
    await expect(discoverTaskFiles(root, outside)).rejects.toThrow(LoadError);
  });

  test("by a folder that is a symbolic link", async () => {
    const outside = createFolder({ "a.ts": "" });
    const root = createFolder({ tasks: `-> ${outside}` });
    await expect(discoverTaskFiles(root, "tasks")).rejects.toThrow(/lie outside the project/);
  });

  test("by a file that is a symbolic link", async () => {
    const outside = createFolder({ "a.ts": "" });
    const root = createFolder({ "tasks/good.ts": "", "tasks/evil.ts": `-> ${join(outside, "a.ts")}` });
    await expect(discoverTaskFiles(root, "tasks")).rejects.toThrow(/evil\.ts lie outside the project/);
  });
});

describe("symbolic links within the project", () => {
  test("to a file, or of the whole folder, are followed", async () => {
    const root = createFolder({ "src/a.ts": "", "tasks/a.ts": "-> ../src/a.ts", jobs: "-> src" });
    expect(await found(root, "tasks")).toEqual(["tasks/a.ts"]);
    expect(await found(root, "jobs")).toEqual(["jobs/a.ts"]);
  });

  test("that lead in a circle or nowhere end", async () => {
    const root = createFolder({
      "tasks/a.ts": "",
      "tasks/again": "-> .",
      "tasks/deep/up": "-> ..",
      "tasks/self.ts": "-> self.ts",
      "tasks/gone.ts": "-> nowhere.ts",
    });
    expect(await found(root, "tasks")).toEqual(["tasks/a.ts"]);
    expect(await found(root, "tasks/**/*.ts")).toEqual(["tasks/a.ts"]);
  });

  test("a project that is itself reached through one is no leaving", async () => {
    const root = createFolder({ "real/tasks/a.ts": "", link: "-> real" });
    expect(await found(join(root, "link"), "tasks")).toEqual(["tasks/a.ts"]);
  });
});
