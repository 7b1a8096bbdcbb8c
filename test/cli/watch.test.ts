import { rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { complaintOf, INLINE, Project } from "./project.js";

/** Tasks whose words come from another file. */
function spoken(word: string): string {
  return `export const word: string = ${JSON.stringify(word)};\n`;
}
const SPEAKER = `
import { app } from "qtasks";
import { gate } from "../gate.mjs";
import { word } from "../lib/word";
app.task("speak", async () => word);
app.task("speakLater", async (key: string) => { await gate(key); return word; });
`;

describe.concurrent("worker --watch", () => {
  test.each([
    ["an ES module", { "package.json": '{ "type": "module" }' }],
    ["CommonJS", { "package.json": '{ "type": "commonjs" }' }],
    ["a project without a package.json", {}],
  ])(
    "loads the code anew when a file that a task imports changes: %s",
    async (_, files: Record<string, string>) => {
      const project = new Project({ ...files, "tasks/speak.ts": SPEAKER, "lib/word.ts": spoken("old") });
      const worker = await project.startWorker(["--watch"]);
      const later = await project.call(["speakLater", "one"]);
      await project.appears("one.began");
      expect((await project.qtasks(["call", "speak", "--timeout", "60"])).stdout).toBe("old\n");
      project.write("lib/word.ts", spoken("new and longer"));
      await worker.says(/loaded anew after a change of lib\/word\.ts: speak, speakLater\./);
      // The child that still has the old code works on; it does not keep the new code waiting.
      expect((await project.qtasks(["call", "speak", "--timeout", "60"])).stdout).toBe("new and longer\n");
      project.go("one");
      expect((await project.qtasks(["wait", later, "--timeout", "60"])).stdout).toBe("old\n");
      worker.kill("SIGTERM");
      expect((await worker.ended).code).toBe(0);
    },
  );

  test("takes up tasks whose files are added, and lets go of those that are taken away", async () => {
    const project = new Project({ "tasks/first.mjs": task("first") });
    const worker = await project.startWorker(["--watch"]);
    project.write("tasks/second.mjs", task("second"));
    await worker.says(/loaded anew after a change of tasks\/second\.mjs: first, second\./);
    expect((await project.qtasks(["call", "second", "--timeout", "60"])).stdout).toBe("second\n");
    rmSync(project.path("tasks/first.mjs"));
    await worker.says(/loaded anew after a change of tasks\/first\.mjs: second\./);
    const status = await project.json<{ workers: { tasks: string[] }[] }>(["status"]);
    expect(status.workers.map(({ tasks }) => tasks)).toEqual([["second"]]);
    await project.call(["first", "--allow-unknown"]);
    expect((await project.qtasks(["status", "@last"])).stderr).toContain("No running worker knows first");
  });

  test("keeps the old code when an edit is broken, says where, and loads it once it is mended", async () => {
    const project = new Project({ "tasks/speak.ts": SPEAKER, "lib/word.ts": spoken("old") });
    const worker = await project.startWorker(["--watch"]);
    project.write("lib/word.ts", 'export const word = "unfinished";\n\nthrow new Error("not yet");\n');
    await worker.says(/warning: lib\/word\.ts:3 failed to load: not yet\n *The code from before goes on\./);
    expect(await spokenIn(project)).toBe("old\n");
    project.write("lib/word.ts", "export const word = ;\n");
    await worker.says(/warning: lib\/word\.ts:1 failed to load: Unexpected/);
    expect(await spokenIn(project)).toBe("old\n");
    project.write("lib/word.ts", spoken("mended"));
    await worker.says(/loaded anew/);
    expect((await project.qtasks(["call", "speak", "--timeout", "60"])).stdout).toBe("mended\n");
  });

  test("finds a file that was missing, wherever it comes from", async () => {
    const project = new Project({ "tasks/first.mjs": task("first") });
    const worker = await project.startWorker(["--watch"]);
    project.write("tasks/first.mjs", `import "../far/away.mjs"; ${task("first")}`);
    await worker.says(/failed to load: .*far\/away\.mjs/);
    project.write("far/away.mjs", "");
    await worker.says(/loaded anew/);
  });

  test("says that a change of the config needs a restart", async () => {
    const project = new Project({ "tasks/first.mjs": task("first"), "qtasks.config.json": "{}" });
    const worker = await project.startWorker(["--watch"]);
    project.write("qtasks.config.json", '{ "lease": 20 }');
    await worker.says(/warning: qtasks\.config\.json has changed: restart the worker/);
  });

  test("writes what it loaded as JSON where the log is JSON", async () => {
    const project = new Project({ "tasks/first.mjs": task("first") });
    const worker = await project.startWorker(["--watch", "--log-format", "json"]);
    project.write("tasks/second.mjs", task("second"));
    await worker.says(
      /"event":"workerReloaded","tasks":\["first","second"\],"files":\["tasks\/second\.mjs"\]/,
    );
    project.write("tasks/second.mjs", "throw new Error('no');");
    await worker.says(/"level":"error","event":"workerReloadFailed","error":\{"code":"E_LOAD"/);
  });

  test("is refused where modules cannot be unloaded", async () => {
    const project = new Project({ "tasks/first.mjs": task("first") });
    const flag = await project.qtasks(["worker", "--watch", "--isolation", "inline"]);
    const environment = await project.qtasks(["worker", "--watch"], { env: INLINE });
    for (const refused of [flag, environment]) {
      expect(refused.code).toBe(2);
      expect(complaintOf(refused).error).toContain("--watch needs child processes");
    }
  });
});

/** Queued by a program that does not load the tasks: `call` would refuse broken code. */
async function spokenIn(project: Project): Promise<string> {
  const [uuid = ""] = await project.queue(["speak"]);
  return (await project.qtasks(["wait", uuid, "--timeout", "60"])).stdout;
}

function task(name: string): string {
  return `import { app } from "qtasks"; app.task("${name}", async () => "${name}");`;
}
