import { until } from "../lib/clock.mjs";
import { stateOf } from "../lib/processes.mjs";
import { makeProject, openApp, startQtasksWorker } from "../lib/project.mjs";

export const replaced = {
  name: "replaced",
  title: "After the death of a child",
  what: "The child that ran the last task is killed; from then to the result of the next task, which another runs. One working child, one spare.",
  figures: [{ key: "ms", label: "until the next result", unit: "ms", better: "lower" }],
  contenders: [{ id: "qtasks", label: "qtasks, default settings" }],
  rounds: { full: 10, quick: 3 },
  n: { full: 3000, quick: 2000 },
  async open() {
    const folder = makeProject();
    const worker = await startQtasksWorker(folder, ["--processes", "1"]);
    return { worker, app: openApp(folder) };
  },
  async measure({ app }, settlingMs) {
    const ask = async () => await (await app.addTask("pid", [], { timeout: 60 })).value();
    const pid = await ask();
    await new Promise((resolve) => setTimeout(resolve, settlingMs)); // a spare gets warm
    const start = performance.now();
    process.kill(pid, "SIGKILL");
    // Until its worker knows, a task would be given to the dead, and be a crash: that is another figure.
    await until(() => stateOf(pid) === undefined, { everyMs: 1, withinMs: 60_000, what: "the end of a child" });
    if ((await ask()) === pid) throw new Error(`the child ${pid} is dead and has answered`);
    return { ms: performance.now() - start };
  },
  async close({ app, worker }) {
    await app.close();
    await worker.stop();
  },
};
