import { describe, expect, test } from "vitest";
import { INLINE, Project } from "./project.js";

const project = new Project(
  {
    "tasks/mail.ts": `
import { app, AsyncTaskExecutor } from "qtasks";
console.log("a module that prints");
console.error("on both streams");
class Careful extends AsyncTaskExecutor {}
class SmtpError extends Error {}

export const send = app.task(
  {
    name: "mail.send",
    priority: -2,
    retry: 3,
    retryOnExc: [SmtpError],
    retryDelay: { base: 1, factor: 3 },
    maxTime: "1m30s",
    tags: ["mail", "net"],
    description: "Send one mail",
    executor: Careful,
    decode: (result: unknown) => result,
    team: "post",
  },
  async (to: string, subject = "none", ...rest: string[]) => [to, subject, rest],
);
export const sort = app.task({ tags: ["mail"], echo: true }, async function sortMail(self, folder: string) {});`,
    "tasks/deep/er.mjs": `
import { app } from "qtasks";
export const other = app.task("other", function* () {});`,
    "tasks/types.d.ts": "export const nothing: string;",
    "tasks/mail.test.ts": "throw new Error('a test is no task module');",
  },
  INLINE,
);

interface Listed {
  readonly name: string;
  readonly source: { readonly file: string; readonly line: number };
}

describe.concurrent("list", () => {
  test("shows name, arguments, priority, retry, maxTime, tags, description and source of every task", async () => {
    const { code, stdout } = await project.qtasks(["list"]);
    const [titles = "", ...rows] = stdout.trimEnd().split("\n");
    expect(titles.split(/\s+/)).toEqual([
      ...["NAME", "ARGUMENTS", "PRIORITY", "RETRY", "MAXTIME", "TAGS", "DESCRIPTION", "SOURCE"],
    ]);
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatch(
      /^mail\.send +<to> \[subject\] \[rest\.\.\.\] +-2 +3 +90s +mail,net +Send one mail team="post" +tasks\/mail\.ts:7$/,
    );
    expect(rows[1]).toMatch(/^other +- +0 +0 +- +- +- +tasks\/deep\/er\.mjs:2$/);
    expect(rows[2]).toMatch(/^sortMail +<folder> +0 +0 +- +mail +- +tasks\/mail\.ts:23$/);
    expect(code).toBe(0);
  });

  test("--json gives the schemas without their functions, with the parameters a caller gives", async () => {
    const [send, , sort] = await project.json<Listed[]>(["list"]);
    expect(send).toMatchObject({
      name: "mail.send",
      priority: -2,
      retry: 3,
      retryOnExc: ["SmtpError"],
      maxTime: 90,
      tags: ["mail", "net"],
      description: "Send one mail",
      awaiting: true,
      generating: false,
      echo: false,
      decode: true,
      executor: "Careful",
      extra: { team: "post" },
      params: [
        { name: "to", required: true, rest: false },
        { name: "subject", required: false, rest: false },
        { name: "rest", required: false, rest: true },
      ],
      source: { file: project.path("tasks/mail.ts"), line: 7 },
    });
    expect(sort).toMatchObject({ name: "sortMail", params: [{ name: "folder" }] });
  });

  test("what a module prints while it is imported disturbs no answer", async () => {
    const { stdout, stderr } = await project.qtasks(["list", "--json"]);
    expect(JSON.parse(stdout)).toHaveLength(3);
    expect(stderr).toBe("a module that prints\non both streams\n");
  });

  test("--names prints the names alone, sorted", async () => {
    expect((await project.qtasks(["list", "--names"])).stdout).toBe("mail.send\nother\nsortMail\n");
  });

  test("--tag shows the tasks that have it, and given twice, those that have both", async () => {
    const names = async (...tags: string[]) =>
      (await project.qtasks(["list", "--names", ...tags.flatMap((tag) => ["--tag", tag])])).stdout;
    expect(await names("mail")).toBe("mail.send\nsortMail\n");
    expect(await names("mail", "net")).toBe("mail.send\n");
    expect(await names("nobody")).toBe("");
  });

  test("without a task it says so and exits 0", async () => {
    const empty = new Project({ "tasks/none.ts": "export {};" }, INLINE);
    const ended = await empty.qtasks(["list"]);
    expect(ended).toMatchObject({ code: 0, stdout: "" });
    expect(ended.stderr).toContain("No tasks");
    expect(await empty.json(["list"])).toEqual([]);
  });
});
