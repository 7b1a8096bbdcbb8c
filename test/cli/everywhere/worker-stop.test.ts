import { describe, expect, test } from "vitest";
import { Project } from "../project.js";

const TASKS = `
import { app } from "qtasks";
import { gate } from "../gate.mjs";
export const hold = app.task("hold", async (key) => { await gate(key); return "in peace"; });
export const next = app.task("next", async () => "next");
`;
const fresh = () => new Project({ "tasks/all.mjs": TASKS });

const SIGNALS = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const;

describe.concurrent("a worker that is told to stop", () => {
  test.for(SIGNALS)("by %s with nothing running ends with 0", async ([signal]) => {
    const worker = await fresh().startWorker();
    worker.kill(signal);
    expect(await worker.ended).toMatchObject({ code: 0, signal: null });
  });

  test.for(SIGNALS)(
    "by %s says what still runs, finishes it, claims no more and ends with 0",
    async ([signal]) => {
      const project = fresh();
      const worker = await project.startWorker(["-c", "1", "--grace", "10m"]);
      const [held = ""] = await project.queue(["hold", "x"]);
      await project.appears("x.began");
      const [waiting = ""] = await project.queue(["next"]);
      worker.kill(signal);
      await worker.says(/1 still running/);
      await worker.says(new RegExp(`hold ${held} for `));
      project.go("x");
      expect(await worker.ended).toMatchObject({ code: 0, signal: null });
      expect(await project.json(["status", held, waiting])).toMatchObject([
        { status: "success", returning: "in peace", attempt: 1 },
        { status: "new", attempt: 0 },
      ]);
    },
  );

  test.for(SIGNALS)(
    "by %s aborts what is left after --grace: it goes back in line with its attempt given back, exit %i",
    async ([signal, code]) => {
      const project = fresh();
      const worker = await project.startWorker(["--grace", "0.2"]);
      const [held = ""] = await project.queue(["hold", "x"]);
      await project.appears("x.began");
      worker.kill(signal);
      expect(await worker.ended).toMatchObject({ code, signal: null });
      expect(await project.json(["status", held])).toMatchObject([
        { status: "new", attempt: 0, deaths: 0, error: null, history: [{ status: "interrupted" }] },
      ]);
      project.go("x");
      await project.burst();
      expect(await project.json(["status", held])).toMatchObject([{ status: "success", attempt: 1 }]);
    },
  );

  test("twice aborts at once, however long the grace", async () => {
    const project = fresh();
    const worker = await project.startWorker(["--grace", "10m"]);
    const [held = ""] = await project.queue(["hold", "x"]);
    await project.appears("x.began");
    worker.kill("SIGTERM");
    await worker.says(/still running/);
    // Within a quarter of a second a second signal counts as the same: it is sent until it is heard, and then no more,
    // because a third would end the worker at once.
    const again = setInterval(() => worker.kill("SIGTERM"), 1000);
    await worker.says(/shutdown/);
    clearInterval(again);
    const { code } = await worker.ended;
    expect(code).toBe(143);
    expect(await project.json(["status", held])).toMatchObject([{ status: "new", attempt: 0 }]);
  });
});
