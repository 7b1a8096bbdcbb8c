// A program that knows nothing of qtasks: node produce.mjs 11 12
// Its jobs are run by our workers, each by the task of the job's name.
import { randomUUID } from "node:crypto";
import { createPostgresBackend, Queue, QueueEvents } from "bullmq";

const url = new URL(process.env.QUEUE_URL ?? "redis://127.0.0.1:6379");
const isPostgres = url.protocol.startsWith("postgres");
const [schema, prefix] = ["schema", "prefix"].map((name) => url.searchParams.get(name) ?? undefined);
url.search = "";
const options = isPostgres
  ? { connection: { connectionString: url.href, ...(schema && { schema }) } }
  : { connection: { url: url.href, maxRetriesPerRequest: null }, ...(prefix && { prefix }) };
const backend = isPostgres ? [createPostgresBackend] : [];

const queue = new Queue("cluster", options, ...backend);
const events = new QueueEvents("cluster", options, ...backend);
try {
  await events.waitUntilReady();
  const pages = process.argv.slice(2).map(Number);
  // With a uuid for its id, `qtasks status ID` and the like take it as well.
  const jobs = await Promise.all(
    pages.map((page) => queue.add("page.render", page, { jobId: randomUUID() })),
  );
  for (const job of jobs) console.log(JSON.stringify(await job.waitUntilFinished(events)));
} finally {
  await Promise.all([events.close(), queue.close()]);
}
