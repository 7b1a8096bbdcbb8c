import { existsSync, readdirSync } from "node:fs";
import { describe, expect } from "vitest";
import { Project } from "../cli/project.js";
import { GATED, launch, launchWorker, recordOf, startsOf, testWith, until, withFile } from "./stage.js";

/** Where Debian, Fedora and Homebrew-less Linux keep it. */
const LIBRARY = [
  ...(existsSync("/usr/lib") ? readdirSync("/usr/lib").map((name) => `/usr/lib/${name}/faketime`) : []),
  "/usr/lib64/faketime",
  "/usr/local/lib/faketime",
]
  .map((folder) => `${folder}/libfaketime.so.1`)
  .find((path) => existsSync(path));

/** A project whose wall clock the test sets; the monotonic clock stays real. */
function projectWithClock(): { readonly project: Project; setClock(offset: string): void } {
  const project = new Project({ "tasks/all.mjs": GATED, clock: "+0" });
  const env = {
    LD_PRELOAD: LIBRARY ?? "",
    DONT_FAKE_MONOTONIC: "1",
    FAKETIME_TIMESTAMP_FILE: project.path("clock"),
    FAKETIME_NO_CACHE: "1",
    QTASKS_LEASE: `${LEASE_MS / 1000}`,
  };
  clocks.set(project, env);
  return { project, setClock: (offset) => project.write("clock", offset) };
}

const clocks = new WeakMap<Project, Record<string, string>>();
const withClock = (project: Project) => ({ env: clocks.get(project) ?? {} });
const HOUR_MS = 3_600_000;
const LEASE_MS = 1000;

/** The end of the lease that ends first, on the monotonic clock. */
async function renewedTo(project: Project): Promise<number> {
  return await withFile(project, (db) => {
    const row = db.prepare("SELECT min(lease_until) AS end FROM active").get() as { readonly end: number };
    return row.end;
  });
}

describe.concurrent("a step of the wall clock", () => {
  for (const [step, ms] of [
    ["+1h", HOUR_MS],
    ["-1d", -24 * HOUR_MS],
  ] as const) {
    testWith(LIBRARY !== undefined, "libfaketime").concurrent(
      `of ${step} takes no task from its worker, ends no wait, and delays nothing that is due`,
      async () => {
        const { project, setClock } = projectWithClock();
        const how = withClock(project);
        const workers = await Promise.all([
          launchWorker(project, ["--name", "a", "-c", "1"], how),
          launchWorker(project, ["--name", "b", "-c", "1"], how),
        ]);
        const running = await Promise.all([1, 2].map(() => project.call(["once", "--max-time", "600"], how)));
        await Promise.all([1, 2].map((fence) => project.appears(`began-${fence}`)));
        // It waits in line, and somebody waits for it.
        const waiter = await launch(project, ["call", "add", "2", "3", "--timeout", "600"], how);
        await until("it is queued", () => !running.includes(project.read(".qtasks/last").trim()));
        const before = await renewedTo(project);
        setClock(step);
        // Many leases, looks for the dead, and polls: each renewal puts the end of a lease a little on.
        await until("five leases are over", async () => (await renewedTo(project)) >= before + 5 * LEASE_MS);
        expect(startsOf(project).toSorted()).toEqual(["1", "2"]);
        for (const fence of [1, 2]) project.write(`go-${fence}`, "return");
        expect(await waiter.ended).toMatchObject({ code: 0, stdout: "5\n" });
        // What is queued after the step runs at once, and so does a retry.
        project.write("go-4", "throw");
        project.write("go-5", "return");
        const later = await project.qtasks(["call", "job", "--timeout", "60"], how);
        expect(later).toMatchObject({ code: 0, stdout: "5\n" });
        const records = await Promise.all(running.map((uuid) => recordOf(project, uuid)));
        for (const record of records) {
          expect(record).toMatchObject({ status: "success", attempt: 1, deaths: 0 });
          // The step was real: the wall clock's times show it.
          const seenMs =
            new Date(record.finishedAt ?? 0).getTime() - new Date(record.startedAt ?? 0).getTime();
          expect(Math.abs(seenMs - ms)).toBeLessThan(HOUR_MS / 2);
        }
        expect(startsOf(project).toSorted()).toEqual(["1", "2", "4", "5"]);
        for (const worker of workers) worker.running.kill("SIGTERM");
        for (const worker of workers) expect(await worker.ended).toMatchObject({ code: 0 });
      },
    );
  }
});
