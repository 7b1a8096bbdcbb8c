import { join } from "node:path";
import { expect, test } from "vitest";
import { Project } from "../cli/project.js";
import { isLong, REPO } from "./stage.js";

for (const seed of isLong ? [1, 2, 3, 4, 5, 6, 7, 8] : [1, 2])
  test(`random faults of seed ${seed} break no invariant`, async () => {
    const words = ["--seed", `${seed}`, "--seconds", isLong ? "60" : "10"];
    const nemesis = [join(REPO, "scripts", "nemesis.mjs"), ...words];
    const { code, stdout } = await new Project().startCommand(process.execPath, nemesis, {}).ended;
    const lines = stdout.split("\n");
    expect(lines[0]).toContain(`seed ${seed},`);
    expect(lines.filter((line) => line.startsWith("BROKEN"))).toEqual([]);
    expect(code).toBe(0);
  });
