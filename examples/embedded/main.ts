// A queue and its worker inside a program of your own, without the command line.
// Run it with: node --import tsx examples/embedded/main.ts
import { QueueTasks } from "qtasks";

// In memory the queue ends with the program; give sqlite:PATH to keep it in a file.
const queue = new QueueTasks({ broker: process.argv[2] ?? "memory:", maxTasksProcess: 2 });

const countWords = queue.task("text.count", (text: string) => text.split(/\s+/).filter(Boolean).length);

const fetchPrice = queue.task(
  { name: "price.fetch", echo: true, retry: 2, maxTime: 5 },
  async (self, article: string) => {
    if (self.ctx.attempt === 1) throw new Error("the price list is locked");
    return { article, cents: article.length * 100 };
  },
);

queue.events.on("taskRetry", ({ taskName, attempt, error }) => {
  console.log(`retry: ${taskName}, attempt ${attempt}: ${error.message}`);
});

await queue.worker.start();

const words = await countWords.with({ timeout: 10 }).addTask("one task after the other");
console.log("words:", await words.value());

const price = await fetchPrice.with({ timeout: 10 }).addTask("lamp");
console.log("price:", await price.value(), "after attempt", price.attempt);

// Calling a task builds a call and runs nothing; many calls are queued in one go.
const queued = await queue.addTasks([countWords("a b"), countWords("a b c")]);
const results = await Promise.all(queued.map(({ uuid }) => queue.wait(uuid, 10)));
console.log("batch:", results.map((result) => result.returning).join(", "));

console.log("counts:", await queue.counts());
await queue.close();
console.log("closed");
