import { defineConfig, type TestProjectConfiguration } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { postgresUrl, redisUrl } from "./test/brokers/servers.js";

/** What takes long: begun last, one of them would have the machine to itself at the end. */
const LONG = ["faults/load", "faults/zombies", "faults/nemesis", "faults/file-disk", "cli/large-batch"];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = LONG.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return index === -1 ? LONG.length : index;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

/** What the command does is the same wherever tasks live: these tests run on each broker that there is a server for. */
function onServer(name: string, url: string | undefined): TestProjectConfiguration[] {
  if (url === undefined) return [];
  const test = { name, include: ["test/cli/everywhere/*.test.ts"], env: { QTASKS_TEST_SERVER: url } };
  return [{ extends: true, test }];
}

export default defineConfig(async () => ({
  test: {
    projects: [
      { extends: true as const, test: { name: "qtasks", include: ["test/**/*.test.ts"] } },
      ...onServer("redis", await redisUrl()),
      ...onServer("postgres", await postgresUrl()),
    ],
    globalSetup: ["test/built.ts"],
    // Tests that start processes wait for events; the limits only end what hangs, on a slow machine too.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Each of them is a process or three, and waits for most of its time.
    maxConcurrency: 3,
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
  },
}));
