import { setTimeout as sleep } from "node:timers/promises";
import { cpuNs, family, residentMiB } from "../lib/processes.mjs";
import { makeProject, openApp, startQtasksWorker } from "../lib/project.mjs";

/** Some ten seconds after its last work, V8 puts the memory of a process in order, once: so many windows. */
const SETTLING = 1.2;

export const idle = {
  name: "idle",
  title: "An idle worker",
  what: "The default settings; it has run 100 tasks before, so that its children are up.",
  figures: [
    { key: "cpu", label: "of a core, all its processes", unit: "%", better: "lower" },
    { key: "supervisor", label: "supervisor, resident", unit: "MiB", better: "lower" },
    { key: "child", label: "largest child, resident", unit: "MiB", better: "lower" },
    { key: "children", label: "children", unit: "", better: "lower" },
  ],
  contenders: [{ id: "qtasks", label: "qtasks, default settings" }],
  n: { full: 10_000, quick: 1000 },
  async open(_contender, windowMs) {
    const folder = makeProject();
    const worker = await startQtasksWorker(folder);
    const app = openApp(folder);
    await Promise.all(Array.from({ length: 100 }, () => app.addTask("noop", [], { timeout: 60 })));
    await app.close();
    await sleep(SETTLING * windowMs);
    return worker;
  },
  async measure({ pid }, windowMs) {
    const [supervisor, ...children] = family(pid);
    const spentNs = () => [supervisor, ...children].reduce((sum, member) => sum + cpuNs(member), 0);
    const before = spentNs();
    await sleep(windowMs);
    const cpu = ((spentNs() - before) / (windowMs * 1e6)) * 100;
    return {
      cpu,
      supervisor: residentMiB(supervisor),
      child: Math.max(...children.map(residentMiB)),
      children: children.length,
    };
  },
  close: (worker) => worker.stop(),
};
