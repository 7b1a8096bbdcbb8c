import { mkdirSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { complaintOf, INLINE, Project } from "./project.js";

const TASKS = {
  "tasks/all.mjs": `
import { app } from "qtasks";
export const add = app.task("add", async (a, b) => a + b);`,
};
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe.concurrent("the queue's place", () => {
  test("is a folder of this user alone, with a .gitignore of its own, and files of this user alone", async () => {
    const project = new Project(TASKS, INLINE);
    await project.shell("umask 0; qtasks call add 1 2");
    expect(modeOf(project.path(".qtasks"))).toBe("700");
    for (const file of ["queue.db", "queue.db-wal", "last"])
      expect(modeOf(project.path(`.qtasks/${file}`))).toBe("600");
    expect(project.read(".qtasks/.gitignore")).toBe("*\n");
  });

  test("has its .gitignore although the queue itself is elsewhere", async () => {
    const project = new Project(TASKS, INLINE);
    await project.call(["add", "1", "2", "--broker", "sqlite:elsewhere/own.db"]);
    expect(modeOf(project.path("elsewhere"))).toBe("700");
    expect(modeOf(project.path("elsewhere/own.db"))).toBe("600");
    expect(project.read(".qtasks/.gitignore")).toBe("*\n");
  });

  test("is not touched by commands that do not need it", async () => {
    const project = new Project(TASKS, INLINE);
    await project.qtasks(["list"]);
    await project.qtasks(["call", "add", "1"]);
    expect(() => statSync(project.path(".qtasks/queue.db"))).toThrow(/ENOENT/);
  });
});

describe.concurrent("a queue that cannot be used is exit 5", () => {
  const project = new Project(
    {
      ...TASKS,
      "garbage.db": "this is no database, however long one reads in it",
      "notes.txt": "x",
    },
    INLINE,
  );

  async function refused(url: string, words: readonly string[] = ["call", "add", "1", "2"]) {
    const ended = await project.qtasks([...words, "--broker", url]);
    expect(ended).toMatchObject({ code: 5, stdout: "" });
    return complaintOf(ended);
  }

  test("a file that is no database, for every command, and it is left as it is", async () => {
    for (const words of [
      ["call", "add", "1", "2"],
      ["run", "add", "1", "2"],
      ["worker"],
      ["status"],
      ["result", "0"],
    ])
      expect((await refused("sqlite:garbage.db", words)).error).toContain("garbage.db");
    expect(project.read("garbage.db")).toBe("this is no database, however long one reads in it");
  });

  test("another program's database", async () => {
    const script = `
      const path = require.resolve("@photostructure/sqlite", { paths: [fs.realpathSync("node_modules/qtasks")] });
      const db = new (require(path).DatabaseSync)("foreign.db");
      db.exec("CREATE TABLE notes (text)");
      db.close();`;
    await project.startCommand(process.execPath, ["-e", script], {}).ended;
    expect((await refused("sqlite:foreign.db")).error).toContain("another program");
  });

  test("a folder", async () => {
    mkdirSync(project.path("folder.db"));
    expect((await refused("sqlite:folder.db")).error).toContain("folder.db is a folder");
  });

  test("a path below something that is no folder", async () => {
    expect((await refused("sqlite:notes.txt/queue.db")).error).toContain("notes.txt");
  });

  test("and as JSON the error is the one document", async () => {
    expect(await project.json(["status", "--broker", "sqlite:garbage.db"])).toMatchObject({
      error: { code: "E_BROKER_CORRUPT" },
    });
  });
});

describe.concurrent("a memory: broker", () => {
  const project = new Project({ ...TASKS, "qtasks.config.json": '{ "broker": "memory:" }' }, INLINE);

  test("warns at `call` that the queue is gone when the command ends", async () => {
    const ended = await project.qtasks(["call", "add", "1", "2"]);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/^warning: The broker is memory/);
  });

  test("works with `run`", async () => {
    expect(await project.qtasks(["run", "add", "1", "2"])).toMatchObject({
      code: 0,
      stdout: "3\n",
      stderr: "",
    });
  });
});
