import type { ConfigInput } from "../core/config.js";
import { QTasksError } from "../core/errors.js";
import type { App } from "../engine/app.js";
import { appInCharge } from "../engine/charge.js";
import type { AsyncTask } from "../engine/handle.js";
import { pendingTask } from "../engine/router.js";

/**
 * The application in charge: the one that the `qtasks` command made from the config, or the latest
 * `new QueueTasks(…)`. Tasks registered while there is none go to the next one.
 */
export const app: App = new Proxy({} as App, {
  get(_, key) {
    const inCharge = appInCharge<App>();
    if (key === "task") return inCharge?.task ?? pendingTask;
    if (inCharge === undefined) {
      // Asked by `await` and by inspectors; answering with an error would break both.
      if (typeof key === "symbol" || key === "then") return undefined;
      throw new QTasksError("E_NO_APP", `app.${key} was used and there is no application.`, {
        hint: "Create one first: new QueueTasks(options).",
      });
    }
    const value = Reflect.get(inCharge, key) as unknown;
    return typeof value === "function" ? value.bind(inCharge) : value;
  },
  set: () => false,
});

/** Types what `qtasks.config.ts` exports, and returns it unchanged. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}

/** A decorated static method as the task it has become: TypeScript's decorators cannot change a method's type. */
export function taskOf<A extends unknown[], R>(method: (...args: A) => R): AsyncTask<A, Awaited<R>> {
  return method as unknown as AsyncTask<A, Awaited<R>>;
}
