// A process in which many callers wait for tasks that do not come.
import { nowMs } from "../lib/clock.mjs";
import { openApp } from "../lib/project.mjs";

const { folder, callers } = JSON.parse(process.argv[2]);
const app = openApp(folder);
await app.open();
process.on("disconnect", () => process.exit());
for (let i = 0; i < callers; i++) {
  const { uuid } = await app.addTask("noop", [], { runAt: new Date(nowMs() + 86_400_000) });
  void app.wait(uuid);
}
process.send({ type: "ready" });
