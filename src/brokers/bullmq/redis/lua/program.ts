import { claim, extend } from "./claim.js";
import { COMMON } from "./common.js";
import { enqueue } from "./enqueue.js";
import { counts, getMany, logs, newest, oldestWaiting, waiting } from "./look.js";
import { cancel, prune, purge, requeue } from "./manage.js";
import { report, settle } from "./settle.js";
import { STRANGERS } from "./strangers.js";
import { arrive, depart, step, TRANSFER, underWay } from "./transfer.js";
import { beat, leave, serverTime, workers } from "./workers.js";

const PLAIN = {
  enqueue,
  extend,
  settle,
  report,
  prune,
  purge,
  oldestWaiting,
  waiting,
  beat,
  leave,
  workers,
  serverTime,
} as const;
/** They first read what strangers did. */
const MEETING = { claim, cancel, requeue, counts, newest, getMany, logs } as const;
const MOVING = { depart, arrive, step, underWay } as const;

const VERBS = { ...PLAIN, ...MEETING, ...MOVING };

export type Verb = keyof typeof VERBS;

/**
 * Some verbs as one script. ARGV: for each that is called its name, the number of its arguments, the arguments. Returns
 * what each returns, or an error in its place.
 */
function program(verbs: readonly Verb[]): string {
  const moves = verbs.some((verb) => verb in MOVING);
  const meets = moves || verbs.some((verb) => verb in MEETING);
  return `${COMMON}${meets ? STRANGERS : ""}${moves ? TRANSFER : ""}
local verbs = {}
${verbs.map((verb) => `verbs.${verb} = function(ARGV)${VERBS[verb]}end\n`).join("")}
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
}

const NAMES = Object.keys(VERBS) as Verb[];

/** A script has to be made anew each time it runs: the smaller, the quicker. */
const ALONE = new Map(NAMES.map((verb) => [verb, program([verb])]));
const TOGETHER = program(NAMES);

export const PROGRAMS: readonly string[] = [...ALONE.values(), TOGETHER];

export function programFor(called: readonly Verb[]): string {
  const [first] = called;
  return (called.length === 1 && first !== undefined && ALONE.get(first)) || TOGETHER;
}
