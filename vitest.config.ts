import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Tests that start processes wait for events; the limits only end what hangs, on a slow machine too.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
