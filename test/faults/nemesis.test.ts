import { join } from "node:path";
import { expect, test } from "vitest";
import { PostgresServer, RedisServer } from "../../scripts/servers.mjs";
import { Project } from "../cli/project.js";
import { isLong, REPO, testWith } from "./stage.js";

const seconds = isLong ? "60" : "10";

for (const seed of isLong ? [1, 2, 3, 4, 5, 6, 7, 8] : [1, 2])
  test(`random faults of seed ${seed} break no invariant`, async () => await breaksNothing(seed));

for (const [kind, { isThere }] of [
  ["redis", RedisServer],
  ["postgres", PostgresServer],
] as const)
  testWith(isThere, `a ${kind} server that can be started here`)(
    `random faults of a ${kind} server, its networks and its workers break no invariant`,
    async () => {
      for (const seed of isLong ? [1, 2, 3, 4] : [1]) await breaksNothing(seed, "--broker", kind);
    },
  );

async function breaksNothing(seed: number, ...words: readonly string[]): Promise<void> {
  const nemesis = [join(REPO, "scripts", "nemesis.mjs"), "--seed", `${seed}`, "--seconds", seconds, ...words];
  const { code, stdout } = await new Project().startCommand(process.execPath, nemesis, {}).ended;
  const lines = stdout.split("\n");
  expect(lines[0]).toContain(`seed ${seed},`);
  expect(lines.filter((line) => line.startsWith("BROKEN"))).toEqual([]);
  expect(code).toBe(0);
}
