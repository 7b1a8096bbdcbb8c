import { defineConfig } from "qtasks";

export default defineConfig({
  name: "shop",
  tasks: "tasks",
});
