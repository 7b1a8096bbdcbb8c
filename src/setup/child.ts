import { App } from "../engine/app.js";
import { type FromChild, Outbox, readEnvelope, type ToChild, toWire } from "../isolation/process/protocol.js";
import { RemoteBroker } from "../isolation/process/remoteBroker.js";
import { ChildServer } from "../isolation/process/server.js";
import type { EventName } from "../ports/plugin.js";
import { captureOutput } from "./capture.js";
import { holdLifeline } from "./guard.js";
import { onImported } from "./importer.js";
import { loadProject } from "./loadConfig.js";
import { loadTasks } from "./loadTasks.js";
import type { ProjectQuery } from "./projectConfig.js";
import { abortError, appParts, createBroker } from "./queueTasks.js";

// The script of a child process: loads the project, then makes the attempts that its supervisor asks for.

const send = process.send?.bind(process);
if (send === undefined)
  throw new Error("This is the script of a worker's child process: use `qtasks worker`.");

const outbox = new Outbox<FromChild>((envelope) => {
  if (process.connected) send(envelope);
});
let remote: RemoteBroker | undefined;
let server: ChildServer | undefined;
let app: App | undefined;

holdLifeline();
captureOutput({ stray: (_, text) => outbox.post({ type: "stray", text }) });
onImported((files) => outbox.post({ type: "imported", files }));
// The supervisor is gone or wants this child to end; nothing that still runs here counts.
process.on("disconnect", () => process.exit(0));
// In a group of its own it gets no signal from a terminal; one that is sent to it all the same is not for the task.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
// Last words: what a task printed before it ended the process, results of its neighbours.
process.on("exit", () => outbox.flush());
process.on("message", (received) => {
  const messages = readEnvelope<ToChild>(received);
  acknowledge(messages);
  for (const message of messages) receive(message);
});

let heardRuns = 0;

/** Before the first of them is begun, which may block the loop from its first line on. */
function acknowledge(messages: readonly ToChild[]): void {
  let runs = 0;
  for (const { type } of messages) if (type === "run") runs += 1;
  if (runs === 0) return;
  heardRuns += runs;
  outbox.post({ type: "heard", runs: heardRuns });
  outbox.flush();
}

function receive(message: ToChild): void {
  switch (message.type) {
    case "load":
      load(message.project as ProjectQuery).catch((error: unknown) => {
        outbox.post({ type: "failed", error: toWire(error) });
        outbox.flush();
      });
      return;
    case "reply":
      remote?.answered(message);
      break;
    case "settled":
      remote?.settled(message.uuids);
      break;
    case "event":
      app?.hear(message.name, withDates(message.event));
      break;
    default:
      server?.receive(message);
      break;
  }
}

async function load(query: ProjectQuery): Promise<void> {
  const project = await loadProject(query);
  const { config, root } = project;
  remote = new RemoteBroker(createBroker(config, root), outbox);
  app = new App({
    ...appParts(config, root, remote),
    // The config's plugins hear events in the supervisor; what they hook around tasks acts here.
    pluginsListen: false,
    onListener: (name: EventName) => outbox.post({ type: "hears", name }),
    reportFault: (where, error) => outbox.post({ type: "fault", where, error: toWire(error) }),
  });
  await loadTasks(project);
  const attempts = app.createAttempts();
  server = new ChildServer({ attempts, outbox, outputLimit: config.logs, abortError });
  outbox.post({ type: "ready", tasks: attempts.facts });
}

/** The one date that events carry came as text. */
function withDates<Event extends object>(event: Event): Event {
  return "runAt" in event && typeof event.runAt === "string"
    ? { ...event, runAt: new Date(event.runAt) }
    : event;
}
