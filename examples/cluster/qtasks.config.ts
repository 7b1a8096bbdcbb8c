import { defineConfig } from "qtasks";

export default defineConfig({
  name: "cluster",
  // The same line on every machine: redis://HOST:6379, or postgres://USER:PASSWORD@HOST:5432/DATABASE.
  broker: process.env.QUEUE_URL ?? "redis://127.0.0.1:6379",
});
