import { describe, expect, test } from "vitest";
import { Project } from "../cli/project.js";

// Issue 3, scope 1: task modules of every kind, in projects of every kind, loaded by a worker's children.

const PROJECTS = {
  module: '{ "type": "module" }',
  commonjs: '{ "type": "commonjs" }',
  "no type": "{}",
} as const;

type Kind = keyof typeof PROJECTS;

const typed = (name: string) => `
import { type AsyncTask, app } from "qtasks";
import { appendFileSync, readFileSync } from "node:fs";
appendFileSync("loads", "${name} " + process.pid + "\\n");
enum Size { Small = 1, Large = 2 }
const suffix: string = "${name}" as const;
export const task: AsyncTask<[count: number], string> =
  app.task("${name}", async (count: number): Promise<string> => \`\${suffix} \${count * Size.Large} \${typeof readFileSync}\`);
`;
const plain = (name: string, imports: string) => `
${imports}
appendFileSync("loads", "${name} " + process.pid + "\\n");
app.task("${name}", async (count) => "${name} " + count * 2 + " " + typeof readFileSync);
`;
const IMPORT = 'import { app } from "qtasks"; import { appendFileSync, readFileSync } from "node:fs";';
const REQUIRE =
  'const { app } = require("qtasks"); const { appendFileSync, readFileSync } = require("node:fs");';

const filesOf = (kind: Kind) => ({
  "package.json": PROJECTS[kind],
  "tasks/ts.ts": typed("ts"),
  "tasks/mts.mts": typed("mts"),
  "tasks/cts.cts": typed("cts"),
  "tasks/js.js": plain("js", kind === "module" ? IMPORT : REQUIRE),
  "tasks/mjs.mjs": plain("mjs", IMPORT),
});

const NAMES = ["ts", "mts", "cts", "js", "mjs"] as const;

describe.for(Object.keys(PROJECTS) as Kind[])(
  "a project with package type %s",
  { concurrent: true },
  (kind) => {
    test("has a worker whose children load all of them, each once", async () => {
      const own = new Project(filesOf(kind));
      const uuids = [];
      for (const name of NAMES) uuids.push(await own.put([name, "1"]));
      own.write("loads", "");
      expect(await own.burst()).toMatchObject({ code: 0 });
      const { stdout } = await own.qtasks(["wait", ...uuids]);
      for (const name of NAMES) expect(stdout).toContain(`${name} 2 function`);
      const loads = own.read("loads").trim().split("\n");
      expect(new Set(loads).size).toBe(loads.length);
      expect(new Set(loads.map((line) => line.split(" ")[0]))).toEqual(new Set(NAMES));
    });
  },
);
