import { relative } from "node:path";
import type { Worker } from "../engine/app.js";
import type { Sources } from "../setup/sources.js";
import { errorDocument } from "./report.js";
import type { Session } from "./session.js";
import { escapeLine } from "./ui/escape.js";
import { isLogged, type LogChoice } from "./ui/taskLines.js";

/** While the code is broken: what it lacks, a package say, may come from where nobody looks. */
const TRY_AGAIN_MS = 3000;

/** Has the worker load its code anew whenever a file of it changes, until it stops. */
export async function reloadOnChange(
  { stage, project }: Session,
  worker: Worker,
  sources: Sources,
  log: LogChoice,
): Promise<void> {
  const tell = new Teller(stage, log);
  let complaint: string | undefined;
  while (worker.engine.state === "running") {
    const changed = await sources.changed(complaint === undefined ? undefined : TRY_AGAIN_MS);
    if (worker.engine.state !== "running") return;
    const ofConfig = changed.filter((file) => file === project.configFile);
    if (ofConfig.length > 0) tell.config(ofConfig.map((file) => relative(project.root, file)));
    if (changed.length > 0 && ofConfig.length === changed.length) continue;
    try {
      const names = await worker.engine.reload();
      complaint = undefined;
      tell.reloaded(
        names,
        changed.map((file) => relative(project.root, file)),
      );
    } catch (error) {
      if (worker.engine.state !== "running") return;
      const { message } = error as Error;
      if (message !== complaint) tell.failed(error);
      complaint = message;
    }
  }
}

class Teller {
  readonly #stage: Session["stage"];
  readonly #log: LogChoice;

  constructor(stage: Session["stage"], log: LogChoice) {
    this.#stage = stage;
    this.#log = log;
  }

  reloaded(tasks: readonly string[], files: readonly string[]): void {
    const because = files.length === 0 ? "" : ` after a change of ${files.map(escapeLine).join(", ")}`;
    const text = `The tasks were loaded anew${because}: ${tasks.join(", ") || "there is none"}.`;
    this.#write("info", { event: "workerReloaded", tasks, files }, () => this.#stage.say(text));
  }

  failed(error: unknown): void {
    this.#write("error", { event: "workerReloadFailed", ...errorDocument(error) }, () =>
      this.#stage.warn(`${(error as Error).message}\nThe code from before goes on.`),
    );
  }

  config(files: readonly string[]): void {
    this.#write("warn", { event: "workerConfigChanged", files }, () =>
      this.#stage.warn(`${files.join(", ")} has changed: restart the worker for that to count.`),
    );
  }

  #write(level: "info" | "warn" | "error", event: object, say: () => void): void {
    if (!isLogged(level, this.#log.level)) return;
    if (this.#log.format === "pretty") say();
    else this.#stage.answer(JSON.stringify({ time: new Date().toISOString(), level, ...event }));
  }
}
