import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { floorViolations } from "./floors.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

function readHouse(): Map<string, string> {
  const files = readdirSync(join(ROOT, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    files.map((file) => [relative(ROOT, file).split(sep).join("/"), readFileSync(file, "utf8")]),
  );
}

const house = readHouse();

test("the house keeps its drawing: imports only go down, in no circle, and the core touches nothing", () => {
  expect(house.size).toBeGreaterThan(50);
  expect(floorViolations(house)).toEqual([]);
});

test("every room of the drawing that is built was looked at, and every file is in one", () => {
  const rooms = new Set([...house.keys()].map((path) => path.split("/")[1]));
  for (const room of ["core", "ports", "engine", "brokers", "executors", "isolation", "testing", "setup"]) {
    expect(rooms).toContain(room);
  }
});

/** A small house that keeps the drawing, with a violation planted. */
function withPlanted(planted: Record<string, string>): readonly string[] {
  const sound = {
    "src/index.ts": `export { a } from "./engine/app.js";`,
    "src/core/json.ts": `export const bytes = (text: string) => Buffer.byteLength(text);`,
    "src/core/record.ts": `import type { bytes } from "./json.js"; export type Record = typeof bytes;`,
    "src/ports/broker.ts": `import type { Record } from "../core/record.js"; export type Broker = Record;`,
    "src/engine/app.ts": `import type { Broker } from "../ports/broker.js"; export const a = {} as Broker;`,
    "src/executors/base.ts": `export class Base {}`,
    "src/brokers/fromUrl.ts": `import "./memory/broker.js"; import "./sqlite/broker.js";`,
    "src/brokers/memory/broker.ts": `import "./entry.js";`,
    "src/brokers/memory/entry.ts": `import { a } from "node:fs"; import b from "uuid";`,
    "src/brokers/sqlite/broker.ts": `export const b = 1;`,
    "src/setup/app.ts": `import "../engine/app.js"; import "../brokers/fromUrl.js"; import "../executors/base.js";`,
    "src/cli/main.ts": `import "../setup/app.js"; export const m = 1;`,
  };
  return floorViolations(new Map(Object.entries({ ...sound, ...planted })));
}

test("the small house that violations are planted in is sound", () => {
  expect(withPlanted({})).toEqual([]);
});

describe("a planted violation is seen", () => {
  test.each<[string, string, string, string]>([
    [
      "an import that climbs",
      "src/ports/system.ts",
      `import "../engine/app.js";`,
      "climbs: src/ports/system.ts -> src/engine/app.ts",
    ],
    [
      "a type import that climbs",
      "src/core/status.ts",
      `import type { Broker } from "../ports/broker.js";`,
      "climbs: src/core/status.ts -> src/ports/broker.ts",
    ],
    [
      "an inline type import that climbs",
      "src/core/status.ts",
      `export type B = import("../ports/broker.js").Broker;`,
      "climbs: src/core/status.ts -> src/ports/broker.ts",
    ],
    [
      "an import() that climbs",
      "src/engine/late.ts",
      `export const late = () => import("../setup/app.js");`,
      "climbs: src/engine/late.ts -> src/setup/app.ts",
    ],
    [
      "a re-export that climbs",
      "src/engine/late.ts",
      `export * from "../setup/app.js";`,
      "climbs: src/engine/late.ts -> src/setup/app.ts",
    ],
    [
      "an import of a neighbour on the same floor",
      "src/executors/async.ts",
      `import { a } from "../engine/app.js";`,
      "crosses to a neighbour: src/executors/async.ts -> src/engine/app.ts",
    ],
    [
      "a type import of a neighbour on the same floor",
      "src/engine/run.ts",
      `import type { Base } from "../executors/base.js";`,
      "crosses to a neighbour: src/engine/run.ts -> src/executors/base.ts",
    ],
    [
      "the roof's web reaching into its cli",
      "src/web/server.ts",
      `import { m } from "../cli/main.js";`,
      "crosses to a neighbour: src/web/server.ts -> src/cli/main.ts",
    ],
    [
      "a broker that knows another",
      "src/brokers/sqlite/late.ts",
      `import "../memory/entry.js";`,
      "crosses to another broker: src/brokers/sqlite/late.ts -> src/brokers/memory/entry.ts",
    ],
    [
      "somebody inside who walks through the door",
      "src/cli/late.ts",
      `import { a } from "../index.js";`,
      "goes through the door from inside: src/cli/late.ts -> src/index.ts",
    ],
    [
      "an import that leaves src",
      "src/cli/late.ts",
      `import "../../tasks/mail.js";`,
      "leaves the house: src/cli/late.ts -> /tasks/mail.js",
    ],
    [
      "somebody inside who takes the way round by the package's name",
      "src/cli/late.ts",
      `import { a } from "qtasks";`,
      "goes through the door from inside: src/cli/late.ts -> qtasks",
    ],
    [
      "an import of a file that is not there",
      "src/cli/late.ts",
      `import "./gone.js";`,
      "leads nowhere: src/cli/late.ts -> src/cli/gone.ts",
    ],
    [
      "a room that is not in the drawing",
      "src/attic/box.ts",
      `import "../core/json.js";`,
      "is in no room: src/attic/box.ts",
    ],
    [
      "a package in the core",
      "src/core/ids.ts",
      `import { v7 } from "uuid";`,
      "comes from outside: src/core/ids.ts -> uuid",
    ],
    [
      "a part of Node in the core",
      "src/core/ids.ts",
      `import type { Stats } from "node:fs";`,
      "comes from outside: src/core/ids.ts -> node:fs",
    ],
  ])("%s", (_, path, text, violation) => {
    expect(withPlanted({ [path]: text })).toEqual([violation]);
  });

  test.each<[string, string]>([
    ["Date.now", "export const now = () => Date.now();"],
    ["new Date()", "export const now = () => new Date();"],
    ["new Date()", "export const now = () => new Date;"],
    ["Date()", "export const now = () => Date();"],
    ["Math.random", "export const dice = () => Math.random();"],
    ["performance", "export const now = () => performance.now();"],
    ["process", "export const pid = process.pid;"],
    ["process", "export const all = { process };"],
    ["setTimeout", "setTimeout(() => {}, 1);"],
    ["globalThis", "export const g = globalThis;"],
    ["crypto", "export const id = () => crypto.randomUUID();"],
    ["console", "console.log(1);"],
    ["import.meta", "export const here = import.meta.url;"],
    ["Buffer", "export const b = Buffer.from('');"],
    ["require", "export const fs = require('fs');"],
  ])("%s in the core", (name, text) => {
    expect(withPlanted({ "src/core/late.ts": text })).toEqual([`is not pure: src/core/late.ts uses ${name}`]);
  });

  test("a circle, however long, also of type imports", () => {
    expect(
      withPlanted({
        "src/engine/a.ts": `import type { B } from "./b.js"; export type A = B;`,
        "src/engine/b.ts": `import type { C } from "./c.js"; export type B = C;`,
        "src/engine/c.ts": `import type { A } from "./a.js"; export type C = A;`,
      }),
    ).toEqual(["goes in a circle: src/engine/a.ts -> src/engine/b.ts -> src/engine/c.ts -> src/engine/a.ts"]);
    expect(withPlanted({ "src/core/self.ts": `import "./self.js";` })).toEqual([
      "goes in a circle: src/core/self.ts -> src/core/self.ts",
    ]);
  });
});

test("what only looks like a violation is none", () => {
  const text = `
    // Date.now() and process.env in a comment
    export const word: "process" = "process";
    export const counts = { new: 0, process: 0 };
    export interface Row { readonly process: number; setTimeout(): void }
    export const at = (ms: number, row: Row) => [new Date(ms), row.process, "import x from 'uuid'"];
    export const { process: renamed } = counts;
  `;
  expect(withPlanted({ "src/core/late.ts": text })).toEqual([]);
});
