import { describe, expect, test } from "vitest";
import { complaintOf, Project } from "./project.js";

/** The complaint about a project with this module in its tasks. */
async function refused(file: string, text: string, env: Readonly<Record<string, string>> = {}) {
  const project = new Project({ [file]: text });
  const ended = await project.qtasks(["list"], { env });
  expect(ended).toMatchObject({ code: 3, stdout: "" });
  return complaintOf(ended);
}

/** As deaf as a loop without an end, but other processes get on meanwhile. */
const HANGING = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);";
const BRIEF = { QTASKS_LOAD_TIMEOUT: "1" };

describe.concurrent("a task module is refused with exit 3, its file and line, and its own message, when it", () => {
  test("throws", async () => {
    const { error } = await refused(
      "tasks/mail.ts",
      "export const a: number = 1;\n\nthrow new Error('at import');\n",
    );
    expect(error).toBe("tasks/mail.ts:3 failed to load: at import");
  });

  test("throws in a module that it imports", async () => {
    const project = new Project({
      "tasks/mail.ts": 'import "../lib/deep.js";',
      "lib/deep.ts": "\nexport {};\nthrow new TypeError('deep');",
    });
    const ended = await project.qtasks(["list"]);
    expect(complaintOf(ended).error).toBe("lib/deep.ts:2 failed to load: TypeError: deep");
  });

  test("throws something that is no error", async () => {
    expect((await refused("tasks/mail.mjs", "throw 'just text';")).error).toContain("just text");
  });

  test.for([["tasks/mail.ts"], ["tasks/mail.mjs"], ["tasks/mail.cjs"]] as const)(
    "has a syntax error: %s",
    async ([file]) => {
      expect((await refused(file, "const a = 1;\nconst b = ;\n")).error).toMatch(
        new RegExp(`^${file}:2 .*Unexpected`),
      );
    },
  );

  test("imports what is not there", async () => {
    expect((await refused("tasks/mail.ts", 'import "no-such-package";')).error).toMatch(
      /^tasks\/mail\.ts.*no-such-package/,
    );
    expect((await refused("tasks/mail.mjs", 'import "./nothing.mjs";')).error).toMatch(
      /^tasks\/mail\.mjs.*nothing\.mjs/,
    );
  });

  test("loops for ever", async () => {
    const { error, hint } = await refused("tasks/mail.mjs", "for (;;);", BRIEF);
    expect(error).toBe("tasks/mail.mjs did not finish loading within 1 seconds.");
    expect(hint).toContain("loadTimeout");
  });

  test("waits for ever at its top level", async () => {
    const { error } = await refused("tasks/mail.mts", "await new Promise(() => {});", BRIEF);
    expect(error).toBe("tasks/mail.mts did not finish loading within 1 seconds.");
  });

  test("calls process.exit", async () => {
    expect((await refused("tasks/mail.mjs", "process.exit(0);")).error).toContain(
      "tasks/mail.mjs called process.exit(0)",
    );
  });

  test("leaves a promise unhandled", async () => {
    const { error } = await refused(
      "tasks/mail.ts",
      "export {};\nPromise.reject(new Error('nobody listens'));",
    );
    expect(error).toMatch(/^tasks\/mail\.ts:2 .*nobody listens$/);
  });

  test("registers a task with a bad option", async () => {
    const register = (options: string) =>
      refused("tasks/mail.mjs", `import { app } from "qtasks";\napp.task(${options}, async () => 1);`);
    expect((await register('{ name: "mail", retry: -1 }')).error).toBe(
      'tasks/mail.mjs:2: retry of task "mail" is -1.',
    );
    expect((await register('{ name: "mail", executor: class {} }')).error).toContain("executor of task");
    expect((await register('{ name: "mail", middlewaresBefore: ["x"] }')).error).toContain(
      "middlewaresBefore of task",
    );
    expect((await register('{ name: "mail", decode: "json" }')).error).toContain("decode of task");
    expect((await register('{ name: "no spaces" }')).error).toContain('"no spaces"');
  });
});

describe.concurrent("two tasks of one name", () => {
  test("are refused with exit 3, naming both places", async () => {
    const task = 'import { app } from "qtasks";\napp.task("same", async () => 1);';
    const project = new Project({ "tasks/a.mjs": task, "tasks/b.mjs": `\n${task}` });
    const ended = await project.qtasks(["call", "same", "--json"]);
    expect(ended.code).toBe(3);
    const { error } = complaintOf(ended);
    expect(error).toContain('"same"');
    expect(error).toContain("tasks/a.mjs:2");
    expect(error).toContain("tasks/b.mjs:2");
    expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: "E_DUPLICATE_TASK" } });
  });
});

describe.concurrent("a worker and `run` with a module that does not load", () => {
  test.for([["worker"], ["run", "any"], ["call", "any"]] as const)(
    "end with exit 3 and the same complaint: %s",
    async (words) => {
      const project = new Project({ "tasks/mail.mjs": "export {};\nthrow new Error('at import');" });
      const ended = await project.qtasks([...words]);
      expect(ended).toMatchObject({ code: 3, stdout: "" });
      expect(complaintOf(ended).error).toBe("tasks/mail.mjs:2 failed to load: at import");
    },
  );

  test("a worker says so when a module hangs, and ends", async () => {
    const project = new Project({ "tasks/mail.mjs": HANGING });
    // A child that has not even begun to load is given half as long again, and two seconds.
    const ended = await project.qtasks(["worker", "--processes", "1"], { env: { QTASKS_LOAD_TIMEOUT: "4" } });
    expect(ended).toMatchObject({ code: 3, stdout: "" });
    expect(complaintOf(ended).error).toContain("tasks/mail.mjs did not finish loading");
  });
});
