// Writes all JavaScript of dist, in few files, as Node takes longer to find and link some 150 modules than most commands
// do: dist/quick, the command line in one CommonJS file as far as it goes without importing code of the user's; and the
// ES modules that are imported by name, which share what they have in common, so that nothing is there twice.
import { readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const { dependencies, peerDependencies } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));

/** What loads code of the user's, or is called rarely: the whole command line is started for it. */
const ELSEWHERE = /\/(?:setup\/loading|ui\/choice|commands\/(?:worker|init|doctor|completion))\.js$/;
/** It would be a second copy of this package beside the one that the user's modules import. */
const MUST_NOT_BE_THERE = "src/setup/importer.ts";
/** Large, and wanted on some terminals only: files of their own, read at the first call of what they export. */
const LATER = ["ora", "string-width"];

const elsewhere = {
  name: "elsewhere",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: ELSEWHERE }, ({ kind, path }) =>
      kind === "dynamic-import" ? { path, namespace: "elsewhere" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "elsewhere" }, () => ({
      contents: 'import { Elsewhere } from "./src/cli/elsewhere.ts"; throw new Elsewhere();',
      resolveDir: root,
    }));
  },
};

const later = (before = "") => ({
  name: "later",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(?:${LATER.join("|")})$`) }, ({ importer, path }) =>
      importer.startsWith(`${root}src`) ? { path, namespace: "later" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "later" }, ({ path }) => ({
      contents: `${before}export default (...given) => require("../quick/${path}.cjs").default(...given);`,
    }));
  },
});

/** ES modules have none by themselves. */
const REQUIRE = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);\n`;

/** Commander starts programs for commands that are files; ours are none. */
const noChildren = {
  name: "no children",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) =>
      importer.includes("/commander/") ? { path, namespace: "no children" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "no children" }, () => ({ contents: "module.exports = {};" }));
  },
};

/** What the package and its own programs import by name. */
const ENTRIES = ["index", "testing/index", "cli/main", "cli/completion/answer", "setup/child"];
/** What scripts and the bench look into. */
const ROOMS = ["brokers/sqlite/broker", "brokers/sqlite/driver"];

/** Where code asks for its own place, it lies as deep as in src: a folder below dist. */
const SHARED = "shared";
rmSync(`${root}dist/${SHARED}`, { recursive: true, force: true });
const modules = build({
  absWorkingDir: root,
  entryPoints: Object.fromEntries([...ENTRIES, ...ROOMS].map((name) => [name, `src/${name}.ts`])),
  outdir: "dist",
  chunkNames: `${SHARED}/[name]-[hash]`,
  bundle: true,
  splitting: true,
  // Says what of a profile is of which module; no part of the package.
  sourcemap: "external",
  sourcesContent: false,
  platform: "node",
  target: "node20.19",
  format: "esm",
  external: [...Object.keys(dependencies), ...Object.keys(peerDependencies)].filter(
    (name) => name !== "uuid",
  ),
  legalComments: "inline",
  logLevel: "warning",
  plugins: [later(REQUIRE)],
});

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { cli: "src/cli/quick.ts", ...Object.fromEntries(LATER.map((name) => [name, name])) },
  outdir: "dist/quick",
  outExtension: { ".js": ".cjs" },
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  // Node's own import() would start its loader of ES modules, which nothing here needs.
  supported: { "dynamic-import": false },
  external: [
    "@photostructure/sqlite",
    "bullmq",
    "ioredis",
    "pg",
    "tinyglobby",
    ...LATER.map((name) => `../quick/${name}.cjs`),
  ],
  define: { "import.meta.url": "ownUrl" },
  banner: { js: 'const ownUrl = require("node:url").pathToFileURL(__filename).href;' },
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "inline",
  metafile: true,
  logLevel: "warning",
  plugins: [elsewhere, later(), noChildren],
});

if (MUST_NOT_BE_THERE in metafile.inputs) throw new Error(`The bundle must not hold ${MUST_NOT_BE_THERE}.`);
await modules;
