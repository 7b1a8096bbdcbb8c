// What a clean clone lacks: the packages of qtasks and of its peers, and a build of the sources as they are now.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

const bench = import.meta.dirname;
const root = new URL("..", import.meta.url).pathname;

function npm(folder, ...words) {
  // Where npm was told of a prefix, its children would look there too.
  const { npm_config_prefix: _, npm_config_local_prefix: __, ...env } = process.env;
  execFileSync("npm", words, { cwd: folder, env, stdio: ["ignore", process.stderr, "inherit"] });
}

if (!existsSync(`${root}/node_modules`)) npm(root, "ci");
else npm(root, "run", "build", "--silent");
if (!existsSync(`${bench}/node_modules`)) npm(bench, "ci");
