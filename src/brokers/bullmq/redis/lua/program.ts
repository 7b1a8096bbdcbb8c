import { claim, extend } from "./claim.js";
import { COMMON } from "./common.js";
import { enqueue } from "./enqueue.js";
import { counts, getMany, logs, newest, oldestWaiting, waiting } from "./look.js";
import { cancel, prune, purge, requeue } from "./manage.js";
import { report, settle } from "./settle.js";
import { STRANGERS } from "./strangers.js";
import { arrive, depart, step, TRANSFER, underWay } from "./transfer.js";
import { beat, leave, serverTime, workers } from "./workers.js";

const VERBS = {
  enqueue,
  claim,
  extend,
  settle,
  report,
  cancel,
  requeue,
  prune,
  purge,
  counts,
  oldestWaiting,
  waiting,
  newest,
  getMany,
  logs,
  beat,
  leave,
  workers,
  serverTime,
  depart,
  arrive,
  step,
  underWay,
} as const;

export type Verb = keyof typeof VERBS;

const functions = Object.entries(VERBS)
  .map(([name, body]) => `verbs.${name} = function(ARGV)${body}end\n`)
  .join("");

/**
 * All verbs as one script, so that several take effect in one step. ARGV: for each its name, the number of its arguments,
 * the arguments. Returns what each returns, or an error in its place.
 */
export const PROGRAM = `${COMMON}${STRANGERS}${TRANSFER}
local verbs = {}
${functions}
local function keep()
  flush()
  markSeen()
end

local answers, at = {}, 1
while at <= #ARGV do
  local verb, last, args = verbs[ARGV[at]], at + 1 + ARGV[at + 1], {}
  for place = at + 2, last do args[place - at - 1] = ARGV[place] end
  local isFine, answer = pcall(verb, args)
  local isKept, problem = pcall(keep)
  if isFine and not isKept then isFine, answer = false, problem end
  if not isFine and type(answer) ~= 'table' then answer = { err = answer } end
  -- Null, for an array ends at its first nil.
  if answer == nil then answer = false end
  answers[#answers + 1] = answer
  at = last + 1
end
return answers
`;
