import { BaseTaskExecutor } from "./base.js";

/** For plain functions and generators. A promise that a plain function returns is waited for. */
export class SyncTaskExecutor extends BaseTaskExecutor {
  async runTask(): Promise<unknown> {
    return await this.callFunction();
  }

  async runTaskGen(): Promise<readonly unknown[]> {
    const items: unknown[] = [];
    for (const item of this.callFunction() as Iterable<unknown>) {
      this.ctx.signal.throwIfAborted();
      const handled = this.handleItem(item);
      items.push(handled instanceof Promise ? await handled : handled);
    }
    return items;
  }
}
