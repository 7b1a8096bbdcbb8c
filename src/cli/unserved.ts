import type { Session } from "./session.js";

/** Says so when nobody will run the task, instead of leaving people to wonder. */
export async function hintIfUnserved({ stage, app }: Session, name: string): Promise<void> {
  if (app.config.broker === "memory:") {
    stage.warn("The broker is memory: the queue is gone when this command ends. `qtasks run` works there.");
    return;
  }
  const workers = await app.workers();
  if (workers.some(({ tasks }) => tasks.includes(name))) return;
  stage.hint(`No worker serves ${name} now; the task waits. \`qtasks worker\` starts one.`);
}
