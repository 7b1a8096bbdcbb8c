import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { plainModules } from "../../src/setup/plainModules.js";
import { createFolder } from "./folder.js";

const plain = (files: Readonly<Record<string, string>>) => {
  const root = createFolder(files);
  return plainModules([join(root, "a.mjs")])?.map((file) => file.slice(root.length + 1));
};

describe("modules that Node alone can load", () => {
  test("are named with all of the user's that they import, by whatever form", () => {
    const found = plain({
      "a.mjs": `import { app } from "qtasks"; import "./b.mjs"; export { x } from './lib/c.js'; import fs from "node:fs";`,
      "b.mjs": `const later = () => import("./d.mjs"); console.log(import.meta.url, later);`,
      "lib/package.json": '{ "type": "module" }',
      "lib/c.js": `import\n  { y }\n  from "../a.mjs"; export const x = 1;`,
      "d.mjs": "",
    });
    expect(found?.toSorted()).toEqual(["a.mjs", "b.mjs", "d.mjs", "lib/c.js"]);
  });

  test("of a package count as plain when they are ES modules", () => {
    const one = { "a.mjs": `import "one";`, "node_modules/one/index.js": "" };
    const asModule = { ...one, "node_modules/one/package.json": '{ "type": "module", "main": "index.js" }' };
    expect(plain(asModule)).toEqual(["a.mjs", "node_modules/one/index.js"]);
    expect(plain({ ...one, "node_modules/one/package.json": '{ "main": "index.js" }' })).toBeUndefined();
  });
});

describe("what is not plain to see is left to tsx:", () => {
  test.for([
    ["TypeScript that is imported", { "a.mjs": `import "./b.ts";`, "b.ts": "" }],
    [
      "TypeScript that is imported later",
      { "a.mjs": `export const f = () => import("./b.ts");`, "b.ts": "" },
    ],
    ["TypeScript in place of the JavaScript that is named", { "a.mjs": `import "./b.js";`, "b.ts": "" }],
    [
      "three levels down",
      { "a.mjs": `import "./b.mjs";`, "b.mjs": `import "./c.mjs";`, "c.mjs": `import "./d";`, "d.ts": "" },
    ],
    ["a name that is worked out", { "a.mjs": "export const f = (name) => import(name);" }],
    ["a name in a template", { "a.mjs": "export const f = () => import(`./b.ts`);" }],
    ["require", { "a.mjs": `import { createRequire } from "node:module";` }],
    ["CommonJS", { "a.mjs": `import "./b.js";`, "b.js": "", "package.json": "{}" }],
    ["JSON", { "a.mjs": `import data from "./data.json";`, "data.json": "{}" }],
    ["a file that is missing", { "a.mjs": `import "./gone.mjs";` }],
    ["a package that is missing", { "a.mjs": `import "gone";` }],
  ] as const)("%s", ([, files]) => {
    expect(plain(files)).toBeUndefined();
  });
});
