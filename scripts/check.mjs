// What `npm run check` is: the types, the style and the package, side by side; where several fail, all are told.
import { spawn } from "node:child_process";

const CHECKS = [
  ["tsc --noEmit"],
  ["biome check --error-on-warnings .", "publint --strict", "attw --pack . --profile esm-only"],
];
// To pack is to build once more otherwise, and to take `dist/` away meanwhile.
const env = { ...process.env, npm_config_ignore_scripts: "true" };

const passed = await Promise.all(CHECKS.map(inTurn));
process.exitCode = passed.every(Boolean) ? 0 : 1;

async function inTurn(lines) {
  let isFine = true;
  for (const line of lines) isFine = (await passes(line)) && isFine;
  return isFine;
}

/** Prints what it says in one piece, at its end. */
async function passes(line) {
  const child = spawn(line, { env, shell: true, stdio: ["ignore", "pipe", "pipe"] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => said.push(chunk));
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  console.log(`> ${line}`);
  process.stdout.write(Buffer.concat(said));
  if (code !== 0) console.log(`${line} failed`);
  return code === 0;
}
