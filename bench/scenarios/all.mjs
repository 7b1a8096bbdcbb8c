import { called } from "./called.mjs";
import { depth } from "./depth.mjs";
import { drained1, drained10, drained100 } from "./drained.mjs";
import { failures } from "./failures.mjs";
import { fairness } from "./fairness.mjs";
import { idle } from "./idle.mjs";
import { moreWorkers } from "./moreWorkers.mjs";
import { payloads } from "./payloads.mjs";
import { plain } from "./plain.mjs";
import { bulk, oneByOne, producers } from "./queued.mjs";
import { replaced } from "./replaced.mjs";
import { retention } from "./retention.mjs";
import { size } from "./size.mjs";
import { startUp } from "./startUp.mjs";
import { waiters } from "./waiters.mjs";
import { wakeUps } from "./wakeUps.mjs";

export const allScenarios = [
  oneByOne,
  producers,
  bulk,
  drained1,
  drained10,
  drained100,
  called,
  wakeUps,
  moreWorkers,
  fairness,
  depth,
  ...payloads,
  failures,
  plain,
  waiters,
  idle,
  replaced,
  retention,
  size,
  startUp,
];
