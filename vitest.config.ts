import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // The faults have a run of their own, `npm run test:faults`: they need minutes, and a machine to themselves.
    include: process.env.QTASKS_TEST_FAULTS === "1" ? ["test/faults/**/*.test.ts"] : ["test/**/*.test.ts"],
    exclude: process.env.QTASKS_TEST_FAULTS === "1" ? [] : ["test/faults/**"],
    // Tests that start processes wait for events; the limits only end what hangs, on a slow machine too.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Each of them is a process or three: more at once would only wait for each other.
    maxConcurrency: 3,
  },
});
