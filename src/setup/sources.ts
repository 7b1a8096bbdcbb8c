import { setTimeout as sleep } from "node:timers/promises";
import { discoverTaskFiles } from "./discover.js";
import type { Project } from "./projectConfig.js";
import { lookAt } from "./stamp.js";

/** Asking for the state of some hundred files takes a millisecond, and works where the system's watches do not. */
const LOOK_EVERY_MS = 250;
/** An editor, or `git checkout`, writes in several steps. */
const SETTLED_MS = 100;

/** The files that a worker's code comes from: those imported, the task modules there are, and the config. */
export class Sources {
  readonly #project: Project;
  readonly #stamps = new Map<string, string>();
  #taskFiles: readonly string[];
  #lookedAtMs = Date.now();

  private constructor(project: Project, taskFiles: readonly string[]) {
    this.#project = project;
    this.#taskFiles = taskFiles;
    if (project.configFile !== undefined) this.add([project.configFile]);
  }

  /** To be called before anything is imported, so that no change falls in between. */
  static async of(project: Project): Promise<Sources> {
    return new Sources(project, await taskFilesOf(project));
  }

  /** These were imported, some time since the last look. */
  add(files: readonly string[]): void {
    for (const file of files) {
      // What was changed after it may have been read counts as changed.
      if (!this.#stamps.has(file)) this.#stamps.set(file, stampOf(file, this.#lookedAtMs));
    }
  }

  /**
   * Resolves to the files that have changed since the last call, once nothing changes any more.
   * @param patienceMs resolves to none after that time
   */
  async changed(patienceMs = Infinity): Promise<readonly string[]> {
    const startMs = performance.now();
    const changed = new Set(await this.#look());
    while (changed.size === 0 && performance.now() - startMs < patienceMs) {
      await sleep(LOOK_EVERY_MS, undefined, { ref: false });
      for (const file of await this.#look()) changed.add(file);
    }
    for (let more: readonly string[] = [...changed]; more.length > 0; ) {
      await sleep(SETTLED_MS, undefined, { ref: false });
      more = await this.#look();
      for (const file of more) changed.add(file);
    }
    return [...changed];
  }

  async #look(): Promise<readonly string[]> {
    this.#lookedAtMs = Date.now();
    const changed: string[] = [];
    for (const [file, before] of this.#stamps) {
      const now = stampOf(file);
      this.#stamps.set(file, now);
      if (now !== before) changed.push(file);
    }
    return [...changed, ...(await this.#comeOrGone())];
  }

  async #comeOrGone(): Promise<readonly string[]> {
    const before = this.#taskFiles;
    const now = await taskFilesOf(this.#project);
    this.#taskFiles = now;
    return [...now.filter((file) => !before.includes(file)), ...before.filter((file) => !now.includes(file))];
  }
}

/** None where they cannot be told: loading them says why. */
async function taskFilesOf({ root, config }: Project): Promise<readonly string[]> {
  return await discoverTaskFiles(root, config.tasks).catch(() => []);
}

/** @param sinceMs a file that was changed after that time has no stamp that could stay the same */
function stampOf(file: string, sinceMs = Infinity): string {
  const { stamp, changedMs } = lookAt(file);
  return changedMs >= sinceMs && changedMs <= Date.now() ? "fresh" : stamp;
}
