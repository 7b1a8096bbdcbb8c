// Writes dist/quick: the command line in one file, as far as it goes without importing code of the user's. Node starts
// one CommonJS file of this size in half the time that it takes to find and link some 150 modules.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

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

const later = {
  name: "later",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(?:${LATER.join("|")})$`) }, ({ importer, path }) =>
      importer.startsWith(`${root}src`) ? { path, namespace: "later" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "later" }, ({ path }) => ({
      contents: `export default (...given) => require("./${path}.cjs").default(...given);`,
    }));
  },
};

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
    ...LATER.map((name) => `./${name}.cjs`),
  ],
  define: { "import.meta.url": "ownUrl" },
  banner: { js: 'const ownUrl = require("node:url").pathToFileURL(__filename).href;' },
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "inline",
  metafile: true,
  logLevel: "warning",
  plugins: [elsewhere, later, noChildren],
});

if (MUST_NOT_BE_THERE in metafile.inputs) throw new Error(`The bundle must not hold ${MUST_NOT_BE_THERE}.`);
