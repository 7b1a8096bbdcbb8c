/** What the fields of a job hash are called in the scripts. */
const FIELDS = {
  name: "name",
  data: "data",
  opts: "opts",
  arrived: "timestamp",
  delay: "delay",
  level: "priority",
  starts: "ats",
  ends: "atm",
  returning: "returnvalue",
  finishedOn: "finishedOn",
  processedOn: "processedOn",
  processedBy: "pb",
  status: "qt:status",
  key: "qt:key",
  priority: "qt:priority",
  tags: "qt:tags",
  retry: "qt:retry",
  most: "qt:max",
  runAt: "qt:runAt",
  isDue: "qt:due",
  attempt: "qt:attempt",
  deaths: "qt:deaths",
  crashes: "qt:crashes",
  alone: "qt:alone",
  updated: "qt:updated",
  started: "qt:started",
  finished: "qt:finished",
  history: "qt:history",
  worker: "qt:worker",
  fence: "qt:fence",
  boot: "qt:boot",
  claimer: "qt:claimer",
  cancel: "qt:cancel",
  binding: "qt:binding",
  until_: "qt:until",
} as const;

type Field = keyof typeof FIELDS;

/** Those that decide what may become of a task. */
const STATE: readonly Field[] = [
  "status",
  "key",
  "name",
  "arrived",
  "priority",
  "runAt",
  "isDue",
  "attempt",
  "deaths",
  "started",
  "history",
  "worker",
  "fence",
  "boot",
  "claimer",
  "cancel",
  "binding",
  "until_",
  "ends",
];

/** A function that reads these fields of a job; nil where it is not in our books. */
function reader(name: string, fields: readonly Field[]): string {
  const asked = fields.map((field) => `'${FIELDS[field]}'`).join(", ");
  const read = fields.map((field, place) => `${field} = v[${place + 1}]`).join(", ");
  return `local function ${name}(id)
  local v = r('HMGET', base .. id, ${asked})
  return v[1] and { id = id, ${read} } or nil
end`;
}

/**
 * What the verbs share. `KEYS[1]` is where BullMQ's keys of this queue begin; ours begin with `qt:` behind that.
 *
 * A task is BullMQ's job hash with fields of ours (`qt:…`) in it. It is in one of BullMQ's sets at a time (prioritized,
 * delayed, active, completed, failed), and in our index of the same status; `leave` takes it out of both, `enter` puts
 * it into both. Numbers are handed through as text, because Lua would write them with 14 digits.
 *
 * A call of Redis costs a script more than what most calls do, so a batch gathers what nothing reads before its end.
 */
export const COMMON = `
local base = KEYS[1]
local own = base .. 'qt:'
local r = redis.call
local STATUSES = { 'new', 'process', 'success', 'error', 'cancel' }
local UNSIGNED = 1048576

-- Names an entry in an index: its order of arrival, then its id.
local function padded(number) return string.format('%016.0f', number) end
local function idOf(key) return string.sub(key, 17) end
local function indexOf(status, name) return own .. 'of:' .. status .. ':' .. name end
local function lineOf(name) return own .. 'line:' .. name end
local function laterOf(name) return own .. 'later:' .. name end
local function idEntry(t) return t.id .. ' ' .. string.sub(t.key, 1, 16) .. t.name end
local function placeOf(t) return padded(t.runAt) .. t.key end
local function isFinal(status) return status ~= 'new' and status ~= 'process' end
local function finishedSet(status) return base .. (status == 'success' and 'completed' or 'failed') end

local function serverMs()
  local time = r('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- What is gathered: of each sorted set the new score of a member, or false where it goes; locks; other keys that go; ids
-- whose run begins or has ended; names that have a record now, and names of which the last one may be gone.
local sorted, released, dropped, begun, ended, named, lessened = {}, {}, {}, {}, {}, {}, {}

local function change(key, member, score)
  local members = sorted[key]
  if not members then
    members = {}
    sorted[key] = members
  end
  members[member] = score
end

local PIECE = 1000
local function send(command, key, words)
  for at = 1, #words, PIECE do r(command, key, unpack(words, at, math.min(at + PIECE - 1, #words))) end
end

local function sendAll(key, members)
  local gone, there = {}, {}
  for member, score in pairs(members) do
    if score then
      there[#there + 1] = score
      there[#there + 1] = member
    else
      gone[#gone + 1] = member
    end
  end
  send('ZREM', key, gone)
  send('ZADD', key, there)
end

local function forgetNameWithoutRecord(name)
  for _, status in ipairs(STATUSES) do
    if r('EXISTS', indexOf(status, name)) == 1 then return end
  end
  r('SREM', own .. 'names', name)
end

local function flush()
  for key, members in pairs(sorted) do
    local member, score = next(members)
    if next(members, member) then
      sendAll(key, members)
    elseif score then
      r('ZADD', key, score, member)
    else
      r('ZREM', key, member)
    end
  end
  for lock in pairs(released) do dropped[#dropped + 1] = lock end
  for at = 1, #dropped, PIECE do r('DEL', unpack(dropped, at, math.min(at + PIECE - 1, #dropped))) end
  send('SREM', base .. 'stalled', ended)
  send('LPUSH', base .. 'active', begun)
  for name in pairs(named) do r('SADD', own .. 'names', name) end
  for name in pairs(lessened) do forgetNameWithoutRecord(name) end
  sorted, released, dropped, begun, ended, named, lessened = {}, {}, {}, {}, {}, {}, {}
end

local maxEvents, isAllSeen, lastTold
-- The field "by" tells our own events from those of other users of the queue. Where nobody else has told anything since
-- we looked last, ours need not be read when we look for those of others.
local function tell(event, id, ...)
  if isAllSeen == nil then
    local last = r('XREVRANGE', base .. 'events', '+', '-', 'COUNT', 1)[1]
    isAllSeen = last ~= nil and last[1] == r('GET', own .. 'seen')
    maxEvents = r('HGET', base .. 'meta', 'opts.maxLenEvents') or '10000'
  end
  lastTold = r('XADD', base .. 'events', 'MAXLEN', '~', maxEvents, '*', 'event', event, 'jobId', id, 'by', 'qtasks', ...)
end

local function markSeen()
  if isAllSeen and lastTold then r('SET', own .. 'seen', lastTold) end
  isAllSeen, lastTold = nil, nil
end

local FIELDS = { ${Object.entries(FIELDS)
  .map(([short, long]) => `${short} = '${long}'`)
  .join(", ")} }

${reader("load", STATE)}
-- The same, and what a worker is told.
${reader("loadWhole", [...STATE, "starts", "data", "retry", "most", "crashes", "alone"])}

-- Writes fields of ours, to the hash and to what was loaded.
local function set(t, fields)
  local flat = {}
  for short, value in pairs(fields) do
    t[short] = value
    flat[#flat + 1] = FIELDS[short]
    flat[#flat + 1] = value
  end
  r('HSET', base .. t.id, unpack(flat))
end

-- False when BullMQ's set did not hold it: somebody else has taken it.
local function leave(t)
  change(indexOf(t.status, t.name), t.key, false)
  if t.status == 'new' then
    change(lineOf(t.name), placeOf(t), false)
    change(laterOf(t.name), t.key, false)
    return r('ZREM', base .. 'prioritized', t.id) == 1 or r('ZREM', base .. 'delayed', t.id) == 1
  elseif t.status == 'process' then
    released[base .. t.id .. ':lock'] = true
    ended[#ended + 1] = t.id
    change(own .. 'held', t.key, false)
    if t.boot then change(own .. 'held:' .. t.boot, t.key, false) end
    return r('LREM', base .. 'active', -1, t.id) > 0
  end
  change(own .. 'ended:' .. t.status, t.key, false)
  return r('ZREM', finishedSet(t.status), t.id) > 0
end

local function hold(t, leaseMs)
  local lock = base .. t.id .. ':lock'
  released[lock] = nil
  r('SET', lock, t.fence, 'PX', leaseMs)
end

local hasMarked
local function joinLine(t)
  change(lineOf(t.name), placeOf(t), t.priority)
  -- BullMQ counts from 1 to 2^21, and lets those of one number run in the order of a counter.
  local level = math.max(1, math.min(2 * UNSIGNED, tonumber(t.priority) + UNSIGNED))
  r('ZADD', base .. 'prioritized', level * 0x100000000 + r('INCR', base .. 'pc') % 0x100000000, t.id)
  if not hasMarked and r('HEXISTS', base .. 'meta', 'paused') == 0 then r('ZADD', base .. 'marker', 0, '0') end
  hasMarked = true
end

-- Writes more of its fields on the way.
local function enterIndex(t, status, wall, fields)
  fields = fields or {}
  fields.status, fields.updated = status, wall
  set(t, fields)
  change(indexOf(status, t.name), t.key, t.arrived or r('HGET', base .. t.id, 'timestamp'))
end

-- Writes more of its fields on the way; what else is given is told.
local function wait(t, wall, fields, ...)
  enterIndex(t, 'new', wall, fields)
  if t.isDue == '1' then
    joinLine(t)
    tell('waiting', t.id, ...)
  else
    change(laterOf(t.name), t.key, t.runAt)
    r('ZADD', base .. 'delayed', tonumber(t.runAt) * 0x1000, t.id)
    r('ZADD', base .. 'marker', r('ZRANGE', base .. 'delayed', 0, 0, 'WITHSCORES')[2] / 0x1000, '1')
    tell('delayed', t.id, 'delay', t.runAt)
  end
end

local function unbind(t)
  if t.binding and r('HGET', own .. 'unique', t.binding) == t.id then r('HDEL', own .. 'unique', t.binding) end
end

local function finish(t, status, wall, fields)
  fields = fields or {}
  fields.finished, fields.finishedOn = wall, wall
  enterIndex(t, status, wall, fields)
  change(own .. 'ended:' .. status, t.key, wall)
  change(finishedSet(status), t.id, wall)
  if t.until_ == 'finished' then unbind(t) end
end

local function cancelled(t, reason, wall)
  finish(t, 'cancel', wall)
  local shown = 'cancelled: ' .. reason
  r('HSET', base .. t.id, 'qt:reason', reason, 'failedReason', shown)
  tell('failed', t.id, 'failedReason', shown, 'prev', 'active')
end

-- The history with the run that ends; error is JSON.
local function historyWith(t, status, err, wall)
  local run = '{"attempt":' .. t.attempt .. ',"startedAtMs":' .. t.started .. ',"finishedAtMs":' .. wall ..
    ',"status":"' .. status .. '","error":' .. err .. ',"worker":' .. t.worker .. '}'
  return (t.history and t.history .. ',' or '') .. run
end
local function record(t, status, err, wall) set(t, { history = historyWith(t, status, err, wall) }) end

local function backward(number) return string.format('%.0f', number - 1) end

-- The run of a worker that is gone goes into the history, and its attempt is given back.
local function lose(t, wall)
  record(t, 'lost', 'null', wall)
  set(t, { deaths = string.format('%.0f', t.deaths + 1), attempt = backward(t.attempt) })
end

-- What a waiting task shows nothing of.
local function forgetOutcome(t)
  r('HDEL', base .. t.id, 'qt:started', 'qt:finished', 'qt:error', 'qt:trace', 'qt:reason', 'qt:progress', 'qt:cancel',
    'qt:urgent', 'returnvalue', 'failedReason', 'stacktrace', 'progress', 'finishedOn', 'processedOn')
end

local function forget(t)
  leave(t)
  unbind(t)
  change(own .. 'ids', idEntry(t), false)
  local job = base .. t.id
  for _, key in ipairs({ job, job .. ':logs', job .. ':lock' }) do dropped[#dropped + 1] = key end
  lessened[t.name] = true
end

-- Enters a job into our books.
local function book(t)
  named[t.name] = true
  change(own .. 'ids', idEntry(t), 0)
end

-- Gives it its place behind those that are there. Writes more of its fields on the way.
local function enroll(t, fields)
  fields = fields or {}
  fields.key = padded(r('INCR', own .. 'arrivals')) .. t.id
  set(t, fields)
  book(t)
end

-- The run that lease names, while nothing newer has happened to the task.
local function held(id, fence)
  local t = load(id)
  return t and t.status == 'process' and t.fence == fence and t or nil
end
`;
