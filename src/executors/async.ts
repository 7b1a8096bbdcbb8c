import { BaseTaskExecutor } from "./base.js";

/** For async functions and async generators. */
export class AsyncTaskExecutor extends BaseTaskExecutor {
  async runTask(): Promise<unknown> {
    return await this.callFunction();
  }

  async runTaskGen(): Promise<readonly unknown[]> {
    const items: unknown[] = [];
    for await (const item of this.callFunction() as AsyncIterable<unknown>) {
      // Draining belongs to the run: an endless generator ends here once the run is aborted.
      this.ctx.signal.throwIfAborted();
      items.push(await this.handleItem(item));
    }
    return items;
  }
}
