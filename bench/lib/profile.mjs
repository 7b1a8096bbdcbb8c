import { existsSync, readdirSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { qtasks } from "../queues/qtasks.mjs";
import { until } from "./clock.mjs";
import { makeFolder } from "./folders.mjs";
import { fill, openApp, startQtasksWorker } from "./project.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PLACES = 100;

/** In this order: a sample belongs to the first whose test holds for its stack, the innermost frame first. */
const AREAS = [
  ["waiting for children", ([leaf]) => leaf.name === "(idle)"],
  ["garbage collection", ([leaf]) => leaf.name === "(garbage collector)"],
  [
    "committing: the log written and synced",
    ([leaf, caller]) => within(leaf, "sqlite/sql") && caller?.name === "#commit",
  ],
  ["statements of claims", (stack) => stack.some((frame) => within(frame, "sqlite/claim"))],
  ["statements of settlements", (stack) => stack.some((frame) => within(frame, "sqlite/settle"))],
  ["the rest of the broker", (stack) => stack.some((frame) => within(frame, "brokers/sqlite"))],
  ["lines for people", (stack) => stack.some((frame) => within(frame, "src/cli"))],
  ["messages to children", (stack) => stack.some((frame) => within(frame, "process/protocol"))],
  ["messages from children", (stack) => stack.some((frame) => /child_process/.test(frame.file))],
  ["which child runs what", (stack) => stack.some((frame) => within(frame, "src/isolation"))],
  ["the engine", (stack) => stack.some((frame) => within(frame, "src/engine"))],
  ["Node itself", () => true],
];

/**
 * A CPU profile of the supervisor while it drains `count` tasks, concurrency 100, default settings.
 * @returns how many microseconds a task spent in each area, the most first: `{ area, us, share }`
 */
export async function profileOfDrain(count) {
  const place = await qtasks.place();
  const app = openApp(place.folder);
  await fill(app, count);
  const folder = makeFolder("profile");
  const node = ["--cpu-prof", "--cpu-prof-interval", "200", `--cpu-prof-dir=${folder}`];
  const worker = await startQtasksWorker(place.folder, ["--concurrency", String(PLACES)], {}, node);
  await until(async () => (await app.counts()).success >= count, {
    everyMs: 20,
    what: "the end of all tasks",
  });
  await worker.stop();
  await app.close();
  const [file] = readdirSync(folder);
  return summary(JSON.parse(readFileSync(join(folder, file), "utf8")), count);
}

function summary({ nodes, samples, timeDeltas }, count) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const spent = new Map();
  const areas = new Map();
  for (const [i, id] of samples.entries()) {
    if (!areas.has(id)) areas.set(id, areaOf(stackOf(id, byId, parents)));
    const area = areas.get(id);
    spent.set(area, (spent.get(area) ?? 0) + timeDeltas[i]);
  }
  const total = timeDeltas.reduce((sum, each) => sum + each, 0);
  return [...spent]
    .map(([area, us]) => ({ area, us: us / count, share: us / total }))
    .sort((a, b) => b.us - a.us);
}

function stackOf(id, byId, parents) {
  const stack = [];
  for (let at = id; at !== undefined; at = parents.get(at)) {
    const { callFrame } = byId.get(at);
    stack.push({ name: callFrame.functionName, file: sourceOf(callFrame) });
  }
  return stack;
}

const maps = new Map();

/** The module of a frame: what runs are files of many modules. */
function sourceOf({ url, lineNumber, columnNumber }) {
  if (!url.startsWith(`file://${ROOT}dist/`)) return url;
  if (!maps.has(url)) maps.set(url, mapOf(`${fileURLToPath(url)}.map`));
  return maps.get(url)?.findEntry(lineNumber, columnNumber).originalSource ?? url;
}

function mapOf(file) {
  return existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, "utf8"))) : undefined;
}

function areaOf(stack) {
  return AREAS.find(([, holds]) => holds(stack))[0];
}

function within({ file }, part) {
  return file.includes(part);
}
