// The whole of it on one machine: QUEUE_URL=redis://127.0.0.1:6379 node examples/cluster/run.mjs
// Two workers stand for two machines; a plain BullMQ program queues beside us.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const bin = fileURLToPath(new URL("../../bin/qtasks.js", import.meta.url));

function start(script, ...words) {
  return spawn(process.execPath, [script, ...words], { cwd: here, stdio: ["pipe", "pipe", "inherit"] });
}

async function textOf(child, stdin = "") {
  child.stdin.end(stdin);
  let text = "";
  for await (const piece of child.stdout) text += piece;
  return text;
}

const qtasks = (words, stdin) => textOf(start(bin, "--quiet", ...words), stdin);

const workers = ["east", "west"].map((name) =>
  start(bin, "worker", "--name", name, "--concurrency", "2", "--processes", "1", "--log-level", "warn"),
);
try {
  const pages = Array.from({ length: 10 }, (_, place) => `[${place + 1}]\n`);
  console.log(`queued: ${(await qtasks(["call", "page.render", "--batch", "-"], pages.join(""))).trim()}`);
  console.log(
    `plain BullMQ: ${(await textOf(start("produce.mjs", "11", "12"))).trim().split("\n").join(" ")}`,
  );
  const tasks = JSON.parse(await qtasks(["status", "--json", "--limit", "12"]));
  await qtasks(["wait", ...tasks.map(({ uuid }) => uuid)]);
  const { counts } = JSON.parse(await qtasks(["status", "--json"]));
  console.log(`done: ${counts.success}`);
} finally {
  for (const worker of workers) worker.kill("SIGTERM");
  await Promise.all(workers.map((worker) => worker.exitCode ?? once(worker, "exit")));
}
