import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { complaintOf, type How, INLINE, Project } from "./project.js";

const LIBRARIES = fileURLToPath(new URL("../../node_modules", import.meta.url));

/** A project that has these packages of its own. */
function projectWith(packages: readonly string[], tasks: string): Project {
  const own = new Project({ "node_modules/@valibot/.keep": "", "tasks/all.mjs": tasks }, INLINE);
  for (const name of packages) symlinkSync(join(LIBRARIES, name), own.path(join("node_modules", name)));
  return own;
}

const zod = projectWith(
  ["zod"],
  `
import { app } from "qtasks";
import { z } from "zod";
const echo = (name, input, more) => app.task({ name, input, ...more }, async (given) => given);

echo("order", z.object({
  sku: z.string().min(2).describe("the article"),
  pieces: z.number().int().min(1).default(1).describe("how many"),
  weight: z.number().optional(),
  giftWrap: z.boolean().optional(),
  colour: z.enum(["red", "deep blue"]).optional(),
  size: z.literal([1, 2]).nullable().optional(),
  tags: z.array(z.string()).optional(),
  limits: z.array(z.number()).optional(),
  due: z.coerce.date().optional(),
  customer: z.object({ name: z.string(), address: z.object({ zipCode: z.string() }).optional() }).optional(),
  meta: z.record(z.string(), z.number()).optional(),
  either: z.union([z.string(), z.object({ a: z.number() })]).optional(),
  priority: z.number().optional(),
  json: z.boolean().optional(),
}), { description: "Order an article" });

echo("needy", z.object({ a: z.string(), b: z.number(), inner: z.object({ c: z.boolean(), d: z.string().optional() }) }));
echo("unicode", z.object({ größe: z.number().optional(), no_wait: z.boolean().optional() }));
echo("older", (() => {
  const schema = z.object({ sku: z.string(), n: z.int().default(3) });
  const { jsonSchema, ...rest } = schema["~standard"];
  return Object.defineProperty(schema, "~standard", { value: rest });
})());
const tree = z.object({ name: z.string(), get parent() { return tree.optional(); } });
echo("tree", tree);
echo("either", z.union([z.object({ a: z.string() }), z.object({ b: z.number() })]));
app.task({ name: "plain", description: "No schema" }, async (to, subject = "none", ...rest) => [to, subject, rest]);
app.task({ name: "upper", input: z.object({ word: z.string().transform((word) => word.toUpperCase()) }) }, async ({ word }) => word);`,
);

/** The object that the function is given. */
async function seen(words: readonly string[], own = zod): Promise<unknown> {
  const { returning } = await own.json<{ returning: unknown }>(["run", ...words]);
  return returning;
}

async function refused(words: readonly string[], how: How = {}) {
  const ended = await zod.qtasks(words, how);
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  return { ...complaintOf(ended), stderr: ended.stderr };
}

async function help(name: string, own = zod): Promise<string> {
  const ended = await own.qtasks(["call", name, "--help"]);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  return ended.stdout;
}

describe.concurrent("the fields of an input schema are flags", () => {
  test("of their types: text, whole and other numbers, choices, dates as text", async () => {
    const words = [
      "--sku",
      "007",
      "--pieces",
      "3",
      "--weight=-1.5e3",
      "--colour",
      "deep blue",
      "--size",
      "2",
    ];
    expect(await seen(["order", ...words, "--due", "2030-01-31"])).toEqual({
      sku: "007",
      pieces: 3,
      weight: -1500,
      colour: "deep blue",
      size: 2,
      due: "2030-01-31T00:00:00.000Z",
    });
  });

  test("in kebab-case; a boolean has a --no- form; of several the last counts", async () => {
    expect(await seen(["order", "--sku", "A1", "--gift-wrap"])).toMatchObject({ giftWrap: true });
    expect(await seen(["order", "--sku", "A1", "--no-gift-wrap"])).toMatchObject({ giftWrap: false });
    expect(await seen(["order", "--sku", "A1", "--gift-wrap", "--sku", "B2", "--no-gift-wrap"])).toEqual({
      sku: "B2",
      pieces: 1,
      giftWrap: false,
    });
  });

  test("a list by repetition, also of one, and its items are typed", async () => {
    const words = ["--tags", "one", "--limits", "1", "--limits", "-2"];
    expect(await seen(["order", "--sku", "A1", ...words])).toMatchObject({ tags: ["one"], limits: [1, -2] });
  });

  test("an object's by its name and a dot, however deep", async () => {
    const words = ["--customer.name", "Ada", "--customer.address.zip-code", "01234"];
    expect(await seen(["order", "--sku", "A1", ...words])).toMatchObject({
      customer: { name: "Ada", address: { zipCode: "01234" } },
    });
  });

  test("null is null where the schema takes it, and text where it is text", async () => {
    expect(await seen(["order", "--sku", "null", "--size", "null"])).toMatchObject({
      sku: "null",
      size: null,
    });
  });

  test("a value may begin with a dash, be empty, or hold anything", async () => {
    expect(await seen(["order", "--sku", "--dashes"])).toMatchObject({ sku: "--dashes" });
    expect(await seen(["order", "--sku=-x=y", "--tags", ""])).toMatchObject({ sku: "-x=y", tags: [""] });
    expect(await seen(["order", "--sku", "日本 🙂\n"])).toMatchObject({ sku: "日本 🙂\n" });
  });

  test("names of any script, and names that begin with no, are flags like others", async () => {
    expect(await seen(["unicode", "--größe", "3", "--no-wait"])).toEqual({ größe: 3, no_wait: true });
    expect(await seen(["unicode", "--no-no-wait"])).toEqual({ no_wait: false });
  });

  test("a field whose flag is one of qtasks' own is --input.NAME, or key=value", async () => {
    const words = ["order", "--sku", "A1", "--input.priority", "7", "--no-input.json", "--priority", "2"];
    expect(await zod.json(["run", ...words])).toMatchObject({
      returning: { priority: 7, json: false },
      task: { priority: 2 },
    });
    expect(await seen(["order", "--sku", "A1", "priority:=8"])).toMatchObject({ priority: 8 });
  });

  test("what is no flag is given as key:=json, and checked", async () => {
    expect(await seen(["order", "--sku", "A1", 'meta:={"x":1}', 'either:={"a":1}'])).toMatchObject({
      meta: { x: 1 },
      either: { a: 1 },
    });
    expect((await refused(["call", "order", "--sku", "A1", 'meta:={"x":"y"}'])).stderr).toContain(
      "\n  meta.x: ",
    );
    expect(await seen(["either", "b:=2"])).toEqual({ b: 2 });
    expect(await seen(["tree", "--name", "leaf", 'parent:={"name":"root"}'])).toEqual({
      name: "leaf",
      parent: { name: "root" },
    });
  });

  test("flags and key=value words make one object, and fields go into objects that were given whole", async () => {
    const words = [
      "pieces:=4",
      "--sku",
      "A1",
      'customer:={"name":"Ada"}',
      "--customer.address.zip-code",
      "1",
    ];
    expect(await seen(["order", ...words])).toEqual({
      sku: "A1",
      pieces: 4,
      customer: { name: "Ada", address: { zipCode: "1" } },
    });
    expect(await seen(["order", "sku=A1", "customer.name=Ada"])).toMatchObject({ customer: { name: "Ada" } });
  });

  test("what is given in two ways is refused, whichever they are", async () => {
    expect((await refused(["call", "order", "sku=A1", "--sku", "A1"])).error).toBe(
      "sku is given twice: by sku= and by --sku.",
    );
    const whole = ["call", "order", "--sku", "A1", 'customer:={"name":"Ada"}', "--customer.name", "Bob"];
    expect((await refused(whole)).error).toContain("customer.name is given twice");
    expect((await refused(["call", "order", "--args", "[{}]", "--sku", "A1"])).error).toContain("--args");
    expect((await refused(["call", "order", "--batch", "-", "--sku", "A1"])).error).toContain(
      "beside --batch",
    );
    expect((await refused(["call", "order", '{"sku":"A1"}', "--pieces", "2"])).stderr).toContain(
      "one object",
    );
  });

  test("whole numbers that a number cannot hold are refused, not changed", async () => {
    const huge = "12345678901234567890";
    expect((await refused(["call", "order", "--sku", "A1", "--pieces", huge])).error).toContain(huge);
    expect(await seen(["order", "--sku", huge])).toMatchObject({ sku: huge });
  });
});

describe.concurrent("what an input schema refuses", () => {
  test("is told all at once, a line for each field, with the flags that are missing; nothing is stored", async () => {
    const own = projectWith(["zod"], zod.read("tasks/all.mjs"));
    for (const command of ["call", "run"]) {
      const ended = await own.qtasks([command, "needy"]);
      expect(ended).toMatchObject({ code: 2, stdout: "" });
      expect(ended.stderr).toBe(
        `error: needy refuses its input:
  a: missing, give --a <text>
  b: missing, give --b <number>
  inner.c: missing, give --inner.c, --no-inner.c
hint: See \`qtasks call needy --help\`.
`,
      );
    }
    expect(await own.json(["status"])).toMatchObject({ counts: { new: 0, error: 0 }, tasks: [] });
  });

  test("is the one error document with --json", async () => {
    const ended = await zod.qtasks(["call", "order", "--sku", "A", "--pieces", "two", "--json"]);
    expect(ended.code).toBe(2);
    const { error } = JSON.parse(ended.stdout) as { error: { code: string; message: string; hint: string } };
    expect(error.code).toBe("E_INPUT");
    expect(error.message).toMatch(/^order refuses its input:\n {2}sku: .+\n {2}pieces: .+$/);
    expect(error.hint).toContain("qtasks call order --help");
  });

  test("says so where key=text gave text that a flag would have read", async () => {
    const { stderr } = await refused(["call", "order", "sku=A1", "pieces=2"]);
    expect(stderr).toMatch(/\n {2}pieces: .+; pieces= gives text, --pieces <integer> does not\n/);
  });

  test("an unknown flag is no field: exit 2, and the nearest is offered", async () => {
    const { error, hint } = await refused(["call", "order", "--sku", "A1", "--peices", "2"]);
    expect(error).toContain("unknown option '--peices'");
    expect(hint).toContain("Did you mean --pieces?");
  });

  test("a flag without its value, with one too many, or before the name is refused", async () => {
    expect((await refused(["call", "order", "--sku"])).error).toContain("--sku");
    expect((await refused(["call", "order", "--gift-wrap=false"])).hint).toContain("--no-gift-wrap");
    expect((await refused(["call", "--sku", "A1", "order"])).hint).toContain("follow its name");
    expect((await refused(["call", "order", "--no-sku"])).error).toContain("--no-sku");
  });

  test("a value that reads like one of our global flags must be joined to its own", async () => {
    const { error, hint } = await refused(["call", "order", "--sku", "--quiet"]);
    expect(error).toContain("--quiet stands where a value is expected");
    expect(hint).toContain("=--quiet");
    expect(await seen(["order", "--sku=--quiet"])).toMatchObject({ sku: "--quiet" });
  });
});

describe.concurrent("help of a task", () => {
  test("lists the flags of its input with types, choices, defaults, descriptions and what is required", async () => {
    const text = await help("order");
    expect(text).toMatch(/^Usage: qtasks call order --sku <text> \[options\]\n\nOrder an article\n/);
    for (const line of [
      /^ {2}--sku <text> +the article \(required\)$/m,
      /^ {2}--pieces <integer> +how many \(default: 1\)$/m,
      /^ {2}--gift-wrap, --no-gift-wrap$/m,
      /^ {2}--colour <choice> +\(one of: red, deep blue\)$/m,
      /^ {2}--size <1\|2> +\(or null\)$/m,
      /^ {2}--tags <text> +\(repeatable\)$/m,
      /^ {2}--due <date-time>$/m,
      /^ {2}--customer\.address\.zip-code <text>$/m,
      /^ {2}--input\.priority <number>$/m,
      /^ {2}meta:=<json> /m,
      /^ {2}either:=<json> /m,
      /^ {2}--timeout|-t, --timeout /m,
    ])
      expect(text).toMatch(line);
  });

  test("is the same for run", async () => {
    const ended = await zod.qtasks(["run", "order", "-h"]);
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toContain("Usage: qtasks run order --sku <text> [options]");
    expect(ended.stdout).not.toContain("--batch");
  });

  test("without a schema shows the parameters of its function", async () => {
    const text = await help("plain");
    expect(text).toContain("Usage: qtasks call plain <to> [subject] [rest...] [options]");
    expect(text).toMatch(/^ {2}subject +optional$/m);
  });

  test("of a task that does not exist is exit 4 with the nearest names", async () => {
    const ended = await zod.qtasks(["call", "oder", "--help"]);
    expect(ended).toMatchObject({ code: 4, stdout: "" });
    expect(complaintOf(ended).hint).toContain("order");
  });

  test("-h as the value of a field is a value", async () => {
    expect(await seen(["order", "--sku", "-h"])).toMatchObject({ sku: "-h" });
  });
});

describe.concurrent("the shape of an input comes from its library", () => {
  const SHARED = `
import { app } from "qtasks";
const echo = (name, input) => app.task({ name, input }, async (given) => given);`;
  const valibotTasks = `${SHARED}
import * as v from "valibot";
echo("mail", v.object({
  to: v.pipe(v.string(), v.description("whom")),
  copies: v.optional(v.pipe(v.number(), v.integer()), 2),
  cc: v.optional(v.array(v.string())),
  mode: v.optional(v.nullable(v.picklist(["now", "later"]))),
  sent: v.optional(v.date()),
  from: v.object({ name: v.string() }),
}));`;

  test("zod that knows no Standard JSON Schema is asked by its own export", async () => {
    expect(await help("older")).toMatch(/^ {2}--n <integer> +\(default: 3\)$/m);
    expect(await seen(["older", "--sku", "A1"])).toEqual({ sku: "A1", n: 3 });
  });

  test("valibot: from @valibot/to-json-schema of the project", async () => {
    const own = projectWith(["valibot", "@valibot/to-json-schema"], valibotTasks);
    const text = await help("mail", own);
    expect(text).toContain("Usage: qtasks call mail --to <text> --from.name <text> [options]");
    expect(text).toMatch(/^ {2}--to <text> +whom \(required\)$/m);
    expect(text).toMatch(/^ {2}--copies <integer> +\(default: 2\)$/m);
    expect(text).toMatch(/^ {2}--mode <now\|later> +\(or null\)$/m);
    const words = ["--to", "ada", "--cc", "a", "--cc", "b", "--mode", "null", "--from.name", "bob"];
    expect(await seen(["mail", ...words], own)).toEqual({
      to: "ada",
      copies: 2,
      cc: ["a", "b"],
      mode: null,
      from: { name: "bob" },
    });
    const ended = await own.qtasks(["call", "mail", "--copies", "1.5"]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    for (const field of ["to: missing, give --to <text>", "copies: ", "from.name: missing"])
      expect(ended.stderr).toContain(`\n  ${field}`);
  });

  test("valibot without it only checks, takes key=value and --args, and help says what is missing", async () => {
    const own = projectWith(["valibot"], valibotTasks);
    expect(await help("mail", own)).toContain("@valibot/to-json-schema");
    expect(await seen(["mail", "to=ada", 'from:={"name":"bob"}'], own)).toMatchObject({
      to: "ada",
      copies: 2,
    });
    expect(await seen(["mail", "--args", '[{"to":"ada","from":{"name":"bob"}}]'], own)).toMatchObject({
      to: "ada",
    });
    expect(await own.qtasks(["call", "mail"])).toMatchObject({ code: 2, stdout: "" });
    expect(complaintOf(await own.qtasks(["call", "mail", "--to", "ada"])).error).toContain("unknown option");
  });

  test("arktype: from the schema itself", async () => {
    const own = projectWith(
      ["arktype"],
      `${SHARED}
import { type } from "arktype";
echo("mail", type({
  to: type("string").describe("whom"),
  copies: "number.integer >= 1 = 2",
  "cc?": "string[]",
  "mode?": "'now' | 'later' | null",
  "at?": "string.date.iso.parse",
  urgent: "boolean = false",
  from: { name: "string" },
}));`,
    );
    const text = await help("mail", own);
    expect(text).toMatch(/^ {2}--to <text> +whom \(required\)$/m);
    expect(text).toMatch(/^ {2}--copies <integer> +\(default: 2\)$/m);
    expect(text).toMatch(/^ {2}--urgent, --no-urgent +\(default: false\)$/m);
    expect(text).toMatch(/^ {2}--mode <(now\|later|later\|now)> +\(or null\)$/m);
    const words = ["--to", "ada", "--cc", "a", "--mode", "later", "--from.name", "bob", "--urgent"];
    expect(await seen(["mail", ...words], own)).toEqual({
      to: "ada",
      copies: 2,
      cc: ["a"],
      mode: "later",
      urgent: true,
      from: { name: "bob" },
    });
    const ended = await own.qtasks(["call", "mail", "--mode", "never"]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    for (const field of ["to: missing, give --to <text>", "mode: ", "from.name: missing"])
      expect(ended.stderr).toContain(`\n  ${field}`);
  });

  test("list shows the fields, and which may be left out", async () => {
    const { stdout } = await zod.qtasks(["list"]);
    expect(stdout).toMatch(/^needy +\{a, b, inner\} /m);
    expect(stdout).toMatch(/^older +\{sku, n\?\} /m);
    expect(stdout).toMatch(/^either +\{…\} /m);
  });

  test("list --json gives it as JSON Schema", async () => {
    const listed = await zod.json<{ name: string; input: { vendor: string; shape: unknown } | null }[]>([
      "list",
    ]);
    const input = (name: string) => listed.find((task) => task.name === name)?.input;
    expect(input("upper")).toMatchObject({
      vendor: "zod",
      shape: { type: "object", properties: { word: { type: "string" } }, required: ["word"] },
    });
    expect(input("plain")).toBeNull();
  });
});

describe.concurrent("an input is checked when it is queued and again when it runs", () => {
  test("the record keeps what was given; the function gets what the schema makes of it", async () => {
    const ended = await zod.json<{ returning: unknown; task: { args: unknown } }>([
      "run",
      "upper",
      "--word",
      "quiet",
    ]);
    expect(ended).toMatchObject({ returning: "QUIET", task: { args: [{ word: "quiet" }] } });
  });

  test("a schema that changed in between refuses at the run: an error E_INPUT, not retried", async () => {
    const tasks = (field: string) => `
import { app } from "qtasks";
import { z } from "zod";
app.task({ name: "job", retry: 3, input: z.object({ ${field}: z.string() }) }, async () => "done");`;
    const own = projectWith(["zod"], tasks("before"));
    const uuid = await own.call(["job", "--before", "x"]);
    own.write("tasks/all.mjs", tasks("after"));
    await own.burst();
    expect(await own.json(["status", uuid])).toMatchObject([
      {
        status: "error",
        attempt: 1,
        error: { code: "E_INPUT", message: expect.stringContaining("after: ") },
      },
    ]);
  });
});
