import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LoadError } from "../../src/core/errors.js";
import { Importer } from "../../src/setup/importer.js";
import { createFolder } from "./folder.js";

const LONG_MS = 60_000;

async function refusal(
  files: Record<string, string>,
  entry: string,
  timeoutMs = LONG_MS,
): Promise<LoadError> {
  const root = createFolder(files);
  const loading = new Importer(root).import([join(root, entry)], timeoutMs);
  const error = await loading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof LoadError) return error;
  throw new Error("it was not refused", { cause: error });
}

describe("importing the user's files", () => {
  test("gives their namespaces in the order of the files, TypeScript too", async () => {
    const root = createFolder({
      "package.json": '{"type":"module"}',
      "a.ts": "export const name: string = 'a';",
      "b.mjs": "export const name = 'b';",
      "c.mts": "export enum Kind { C = 'c' }\nexport const name = Kind.C;",
    });
    const modules = await new Importer(root).import(
      ["c.mts", "a.ts", "b.mjs"].map((name) => join(root, name)),
      LONG_MS,
    );
    expect(modules.map((module) => (module as { name: string }).name)).toEqual(["c", "a", "b"]);
  });

  test("loads a module that several import once", async () => {
    const root = createFolder({
      "package.json": '{"type":"module"}',
      "shared.ts": "export const loads = { count: 0 };\nloads.count += 1;",
      "a.ts": "import { loads } from './shared.js';\nexport const from = loads;",
      "b.ts": "import { loads } from './shared.ts';\nexport const from = loads;",
    });
    const importer = new Importer(root);
    const [a] = (await importer.import([join(root, "a.ts")], LONG_MS)) as [{ from: { count: number } }];
    const [b] = (await importer.import([join(root, "b.ts")], LONG_MS)) as [{ from: { count: number } }];
    expect(a.from).toBe(b.from);
    expect(a.from.count).toBe(1);
  });

  test.for([
    ["at once", "import('./b')"],
    ["later, in a function", "Promise.resolve().then(() => import(['./b'].join()))"],
  ] as const)("lets TypeScript of CommonJS import() more of it %s", async ([, later]) => {
    const root = createFolder({
      "a.ts": `import { kind } from "./b";\nexport const same = ${later}.then((b) => b.kind === kind);`,
      "b.ts": "export const kind: { readonly name: string } = { name: 'b' };",
    });
    const [a] = (await new Importer(root).import([join(root, "a.ts")], LONG_MS)) as [
      { same: Promise<boolean> },
    ];
    expect(await a.same).toBe(true);
  });

  test("waits for a module that awaits", async () => {
    const root = createFolder({ "a.mts": "await null;\nexport const name = await Promise.resolve('late');" });
    const [module] = await new Importer(root).import([join(root, "a.mts")], LONG_MS);
    expect(module).toMatchObject({ name: "late" });
  });
});

describe("a module that cannot be imported is an error with file, line and the original message", () => {
  test("when it throws", async () => {
    const error = await refusal({ "tasks/a.mts": "\n\nthrow new TypeError('no key');\n" }, "tasks/a.mts");
    expect(error.code).toBe("E_LOAD");
    expect(error.message).toBe("tasks/a.mts:3 failed to load: TypeError: no key");
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  test("when one that it imports throws: that one is named", async () => {
    const error = await refusal(
      { "tasks/a.mts": "import '../lib/b.mts';", "lib/b.mts": "\nthrow new Error('below');" },
      "tasks/a.mts",
    );
    expect(error.message).toBe("lib/b.mts:2 failed to load: below");
  });

  test("when its syntax is wrong", async () => {
    const error = await refusal({ "tasks/a.mts": "export const a = 1;\nexport const = 2;\n" }, "tasks/a.mts");
    expect(error.message).toMatch(/^tasks\/a\.mts(:2)? failed to load: /);
  });

  test("when what it imports is not there", async () => {
    const error = await refusal({ "tasks/a.mts": "import './gone.mts';" }, "tasks/a.mts");
    expect(error.message).toMatch(/^tasks\/a\.mts.* failed to load: .*gone\.mts/);
  });

  test("when it is not there itself", async () => {
    const error = await refusal({}, "tasks/a.mts");
    expect(error.message).toMatch(/a\.mts/);
  });

  test.each(["'just text'", "undefined", "null", "{ code: 5 }"])("when it throws %s", async (thrown) => {
    const error = await refusal({ "a.mts": `throw ${thrown};` }, "a.mts");
    expect(error.message).toMatch(/^a\.mts failed to load: /);
  });

  test("when it throws an error of ours: with its code and hint", async () => {
    const error = await refusal(
      {
        "a.mts":
          "throw Object.assign(new Error('retry of task \"a\" is -1.'), { code: 'E_BAD_OPTION', hint: 'Give more.' });",
      },
      "a.mts",
    );
    expect(error).toMatchObject({
      code: "E_BAD_OPTION",
      hint: "Give more.",
      message: 'a.mts:1: retry of task "a" is -1.',
    });
  });

  test("when it calls process.exit, which does not end us, and works again afterwards", async () => {
    const { exit } = process;
    const error = await refusal({ "tasks/a.mts": "process.exit(3);" }, "tasks/a.mts");
    expect(error.message).toBe("tasks/a.mts called process.exit(3) while it was loaded.");
    expect(process.exit).toBe(exit);
  });

  test("when it waits for ever", async () => {
    const error = await refusal({ "tasks/a.mts": "await new Promise(() => {});" }, "tasks/a.mts", 200);
    expect(error.message).toBe("tasks/a.mts did not finish loading within 0.2 seconds.");
    expect(error.hint).toMatch(/loadTimeout/);
  });

  test("when it loops for ever", async () => {
    const error = await refusal({ "tasks/a.mts": "for (;;) {}" }, "tasks/a.mts", 200);
    expect(error.message).toBe("tasks/a.mts did not finish loading within 0.2 seconds.");
  });
});
