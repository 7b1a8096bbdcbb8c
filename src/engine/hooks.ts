import type { Middleware, TaskExecSchema } from "../ports/execution.js";
import type { EventMap, EventName, Listener, Plugin, PluginHost, QueueDraft } from "../ports/plugin.js";

/** Tells somebody that code hooked in from outside failed; `where` names it. */
export type ReportFault = (where: string, error: unknown) => void;

type QueueHook = (draft: QueueDraft) => void | Promise<void>;

/** Everything that plugins and users hooked in: listeners, middlewares around all tasks, hooks on queueing and closing. */
export class Hooks {
  readonly #listeners = new Map<EventName, Set<Listener<EventName>>>();
  readonly #queueHooks: QueueHook[] = [];
  readonly #closeHooks: (() => void | Promise<void>)[] = [];
  readonly #before: Middleware[] = [];
  readonly #after: Middleware[] = [];
  readonly #reportFault: ReportFault;

  readonly #onListener: (event: EventName) => void;

  /** @param onListener called for each listener that is added */
  constructor(reportFault: ReportFault, onListener: (event: EventName) => void = () => {}) {
    this.#reportFault = reportFault;
    this.#onListener = onListener;
  }

  /** @returns a function that takes the listener away again */
  on<Name extends EventName>(event: Name, listener: Listener<Name>): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener as Listener<EventName>);
    this.#onListener(event);
    return () => void listeners.delete(listener as Listener<EventName>);
  }

  /** Calls every listener; one that throws or rejects is reported and hurts nobody. */
  emit<Name extends EventName>(event: Name, payload: EventMap[Name]): void {
    const listeners = this.#listeners.get(event);
    if (listeners === undefined) return;
    const fault = (error: unknown) => this.#reportFault(`a listener of ${event}`, error);
    for (const listener of listeners) {
      try {
        const answer: unknown = listener(payload);
        if (answer !== undefined) Promise.resolve(answer).catch(fault);
      } catch (error) {
        fault(error);
      }
    }
  }

  hears(event: EventName): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  /** @param listens false leaves its listeners out */
  addPlugin(plugin: Plugin, listens = true): void {
    const host: PluginHost = {
      on: (event, listener) => {
        if (listens) this.on(event, listener);
      },
      use: (middleware, when = "before") =>
        void (when === "after" ? this.#after : this.#before).push(middleware),
      onQueue: (hook) => void this.#queueHooks.push(hook),
      onClose: (hook) => void this.#closeHooks.push(hook),
    };
    plugin.setup(host);
  }

  get queueHooks(): readonly QueueHook[] {
    return this.#queueHooks;
  }

  /** The schema with the plugins' middlewares around its own: plugins' outermost, before and after. */
  wrap(schema: TaskExecSchema): TaskExecSchema {
    if (this.#before.length === 0 && this.#after.length === 0) return schema;
    return {
      ...schema,
      middlewaresBefore: [...this.#before, ...schema.middlewaresBefore],
      middlewaresAfter: [...schema.middlewaresAfter, ...this.#after],
    };
  }

  async close(): Promise<void> {
    for (const hook of this.#closeHooks.splice(0)) {
      try {
        await hook();
      } catch (error) {
        this.#reportFault("a plugin's onClose", error);
      }
    }
  }
}
