import { defineConfig } from "qtasks";

export default defineConfig({
  name: "qtasks-itself",
  tasks: "tasks",
});
