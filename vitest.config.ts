import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Tests that start processes wait for events; the limits only end what hangs, on a slow machine too.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Each of them is a process or three, and waits for most of its time.
    maxConcurrency: 3,
    maxWorkers: 2,
  },
});
