import { setTimeout as sleep } from "node:timers/promises";
import { makeProject, openApp, startQtasksWorker } from "../lib/project.mjs";

const LOST_MS = 10_000;
// No safety poll would hide a ring that nobody heard.
const NO_POLL = 3600;

export const wakeUps = {
  name: "wake-ups",
  title: "Wake-ups lost",
  what: `Calls one after the other, with the safety polls of worker and caller put off to an hour; lost is what has no answer within ${LOST_MS / 1000} s.`,
  figures: [
    { key: "lost", label: "lost", unit: "calls", better: "lower" },
    { key: "calls", label: "of", unit: "calls", better: "higher" },
  ],
  contenders: [{ id: "qtasks", label: "qtasks, default settings" }],
  rounds: { full: 1, quick: 1 },
  n: { full: 10_000, quick: 300 },
  async open() {
    const folder = makeProject();
    const worker = await startQtasksWorker(folder, [], { QTASKS_RESULT_TIME_INTERVAL: String(NO_POLL) });
    return { worker, app: openApp(folder, { resultTimeInterval: NO_POLL }) };
  },
  async measure({ app }, calls) {
    let lost = 0;
    for (let i = 0; i < calls; i++) {
      if (!(await isInTime(app.addTask("noop", [], { timeout: NO_POLL })))) lost += 1;
    }
    return { lost, calls };
  },
  async close({ app, worker }) {
    await app.close();
    await worker.stop();
  },
};

async function isInTime(answer) {
  const timer = new AbortController();
  const tooLate = sleep(LOST_MS, false, { signal: timer.signal }).catch(() => false);
  const inTime = await Promise.race([answer.then(() => true), tooLate]);
  timer.abort();
  return inTime;
}
