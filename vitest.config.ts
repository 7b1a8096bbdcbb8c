import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Tests that start processes wait for events; the limits only end what hangs, on a slow machine too.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // CI=true turns spinners off and the like: the command under test is to behave as for a user.
    env: { NO_COLOR: "", FORCE_COLOR: "" },
  },
});
