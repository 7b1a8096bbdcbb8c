import { COMMON } from "./common.js";
import { STRANGERS } from "./strangers.js";
import { arrive, depart, step, underWay } from "./transfer.js";

/** ARGV: for each task the fields of `ENQUEUE_FIELDS`, in their order. Returns uuid and 1 or 0 (deduplicated) by turns, or one uuid that is stored already. */
export const ENQUEUE_FIELDS = [
  "uuid",
  "taskName",
  "args",
  "opts",
  "createdAtMs",
  "delayMs",
  "bullPriority",
  "priority",
  "runAtMs",
  "isDue",
  "tags",
  "retry",
  "maxTimeMs",
  "binding",
  "until",
] as const;

const enqueue = `${COMMON}
local stride = ${ENQUEUE_FIELDS.length}
local fresh, bound, answer = {}, {}, {}
for at = 1, #ARGV, stride do
  local id, binding = ARGV[at], ARGV[at + 13]
  local holder = binding ~= '' and (bound[binding] or r('HGET', own .. 'unique', binding))
  -- A job that somebody else removed has left its key bound.
  if holder and (holder == bound[binding] or r('EXISTS', base .. holder) == 1) then
    answer[#answer + 1] = holder
    answer[#answer + 1] = 1
  else
    if fresh[id] or r('EXISTS', base .. id) == 1 then return id end
    fresh[id] = at
    if binding ~= '' then bound[binding] = id end
    answer[#answer + 1] = id
    answer[#answer + 1] = 0
  end
end
for at = 1, #ARGV, stride do
  local id = ARGV[at]
  if fresh[id] == at then
    local binding = ARGV[at + 13]
    r('HSET', base .. id, 'name', ARGV[at + 1], 'data', ARGV[at + 2], 'opts', ARGV[at + 3], 'timestamp', ARGV[at + 4],
      'delay', ARGV[at + 5], 'priority', ARGV[at + 6], 'qt:tags', ARGV[at + 10], 'qt:retry', ARGV[at + 11], 'qt:max', ARGV[at + 12])
    local t = { id = id, name = ARGV[at + 1] }
    set(t, { priority = ARGV[at + 7], runAt = ARGV[at + 8], isDue = ARGV[at + 9] })
    if binding ~= '' then
      set(t, { binding = binding, until_ = ARGV[at + 14] })
      r('HSET', own .. 'unique', binding, id)
    end
    register(t)
    wait(t, ARGV[at + 4])
  end
end
return answer
`;

/** ARGV: the request without its texts as JSON, the worker's name as JSON. Returns the claims, and the next due time or false. */
const claim = `${COMMON}${STRANGERS}
local q, worker = cjson.decode(ARGV[1]), ARGV[2]
local wall, mono = tonumber(q.wallMs), tonumber(q.monoMs)
local server = serverMs()
meetStrangers(q.wallMs)

local serves, wanted = {}, nil
for _, name in ipairs(q.names) do serves[name] = true end
if q.uuids then
  wanted = {}
  for _, id in ipairs(q.uuids) do wanted[id] = true end
end

for _, name in ipairs(q.names) do
  for _, key in ipairs(r('ZRANGEBYSCORE', laterOf(name), '-inf', q.wallMs)) do
    local t = load(idOf(key))
    r('ZREM', laterOf(name), key)
    if t and t.status == 'new' and r('ZREM', base .. 'delayed', t.id) == 1 then
      set(t, { isDue = '1' })
      joinLine(t)
    end
  end
end

-- What this worker was given in an answer that never came.
if type(q.above) == 'number' then
  for _, key in ipairs(r('ZRANGE', own .. 'held', 0, -1)) do
    local t = load(idOf(key))
    if t and t.status == 'process' and t.claimer == q.workerId and tonumber(t.fence) > q.above then
      leave(t)
      set(t, { attempt = backward(t.attempt), isDue = '1' })
      if t.cancel then
        cancelled(t, t.cancel, q.wallMs)
      else
        forgetOutcome(t)
        wait(t, q.wallMs, 'prev', 'active')
      end
    end
  end
end

local line = {}
local function considerLost(t)
  if t.status ~= 'process' or not serves[t.name] or (wanted and not wanted[t.id]) then return end
  if not t.cancel then
    line[#line + 1] = { t = t, id = t.id, name = t.name, priority = tonumber(t.priority), place = placeOf(t) }
    return
  end
  leave(t)
  lose(t, q.wallMs)
  cancelled(t, t.cancel, q.wallMs)
end
local heldHere = own .. 'held:' .. q.bootId
for _, key in ipairs(r('ZRANGEBYSCORE', heldHere, '-inf', q.monoMs)) do
  local t = load(idOf(key))
  if t then considerLost(t) else r('ZREM', heldHere, key) end
end
-- The clock of another boot, which may be another machine, says nothing here: its leases end by the server's.
for _, key in ipairs(r('ZRANGEBYSCORE', own .. 'held', '-inf', server)) do
  local t = load(idOf(key))
  if t and t.boot ~= q.bootId then considerLost(t) end
end

if q.limit > 0 and r('HEXISTS', base .. 'meta', 'paused') == 0 then
  if wanted then
    for id in pairs(wanted) do
      local t = load(id)
      if t and t.status == 'new' and t.isDue == '1' and serves[t.name] then
        line[#line + 1] = { t = t, id = id, name = t.name, priority = tonumber(t.priority), place = placeOf(t) }
      end
    end
  else
    for _, name in ipairs(q.names) do
      local due = r('ZRANGE', lineOf(name), 0, q.limit - 1, 'WITHSCORES')
      for at = 1, #due, 2 do
        line[#line + 1] = { id = string.sub(due[at], 33), name = name, priority = tonumber(due[at + 1]), place = due[at] }
      end
    end
  end
end
table.sort(line, function(a, b)
  if a.priority ~= b.priority then return a.priority < b.priority end
  return a.place < b.place
end)

local function take(entry)
  local t = entry.t or load(entry.id)
  -- The job was taken or removed by somebody who tells no events.
  if not t then
    r('ZREM', lineOf(entry.name), entry.place)
    return nil
  end
  local isLost = t.status == 'process'
  if not leave(t) and not isLost then
    r('ZREM', indexOf('new', t.name), t.key)
    reconcile(t.id, q.wallMs)
    return nil
  end
  if isLost then lose(t, q.wallMs) end
  local job, fence = base .. t.id, string.format('%.0f', r('INCR', own .. 'fences'))
  enterIndex(t, 'process', q.wallMs, { attempt = string.format('%.0f', t.attempt + 1), started = q.wallMs, worker = worker,
    fence = fence, boot = q.bootId, processedOn = q.wallMs, processedBy = worker, claimer = q.workerId })
  r('HDEL', job, 'qt:progress', 'progress', 'qt:cancel', 'qt:urgent')
  r('HINCRBY', job, 'ats', 1)
  r('LPUSH', base .. 'active', t.id)
  r('SET', job .. ':lock', fence, 'PX', q.leaseMs)
  r('ZADD', own .. 'held:' .. q.bootId, string.format('%.17g', mono + q.leaseMs), t.key)
  r('ZADD', own .. 'held', string.format('%.0f', server + q.leaseMs), t.key)
  tell('active', t.id, 'prev', 'waiting')
  local rest = r('HMGET', job, 'data', 'qt:retry', 'qt:max', 'qt:crashes', 'qt:alone')
  return { t.id, fence, t.name, rest[1], t.priority, t.attempt, rest[2], rest[3], t.deaths, rest[4], rest[5] }
end

local few, left = {}, nil
if q.atMost then
  left = q.atMost.limit
  for _, name in ipairs(q.atMost.names) do few[name] = true end
end
local claims = {}
for _, entry in ipairs(line) do
  if #claims >= q.limit then break end
  if not few[entry.name] or left > 0 then
    local taken = take(entry)
    if taken then
      claims[#claims + 1] = taken
      if few[entry.name] then left = left - 1 end
    end
  end
end

local nextDue = nil
for _, name in ipairs(q.names) do
  local first = r('ZRANGE', laterOf(name), 0, 0, 'WITHSCORES')[2]
  if first and (nextDue == nil or tonumber(first) < tonumber(nextDue)) then nextDue = first end
end
return { claims, nextDue or false }
`;

/** ARGV: boot, monotonic end, length; then uuid and fence by turns. Returns `{ state, reason, urgent }` of each. */
const extend = `${COMMON}
local boot, mono, leaseMs = ARGV[1], ARGV[2], ARGV[3]
local server = serverMs()
local states = {}
for at = 4, #ARGV, 2 do
  local t = held(ARGV[at], ARGV[at + 1])
  if not t then
    states[#states + 1] = { 'lost' }
  else
    r('ZREM', own .. 'held:' .. t.boot, t.key)
    set(t, { boot = boot })
    r('ZADD', own .. 'held:' .. boot, mono, t.key)
    r('ZADD', own .. 'held', string.format('%.0f', server + leaseMs), t.key)
    r('SET', base .. t.id .. ':lock', t.fence, 'PX', leaseMs)
    if t.cancel then
      states[#states + 1] = { 'cancelling', t.cancel, r('HGET', base .. t.id, 'qt:urgent') or '' }
    else
      states[#states + 1] = { 'held' }
    end
  end
end
return states
`;

/** ARGV: wall time; then for each settlement the fields of `SETTLE_FIELDS`. Returns 1 or 0 for each. */
export const SETTLE_FIELDS = [
  "uuid",
  "fence",
  "status",
  "run",
  "outcome",
  "error",
  "traceback",
  "failedReason",
  "stacktrace",
  "runAtMs",
  "isDue",
  "spent",
  "crashed",
  "alone",
] as const;

const settle = `${COMMON}
local wall = ARGV[1]
local written = {}
for at = 2, #ARGV, ${SETTLE_FIELDS.length} do
  local id, status, outcome = ARGV[at], ARGV[at + 2], ARGV[at + 4]
  local t = held(id, ARGV[at + 1])
  written[#written + 1] = t and 1 or 0
  if t then
    local job = base .. id
    if status == 'new' and t.cancel then status, outcome = 'cancel', t.cancel end
    local history = historyWith(t, status == 'new' and ARGV[at + 3] or status, status == 'cancel' and 'null' or ARGV[at + 5], wall)
    leave(t)
    r('HINCRBY', job, 'atm', 1)
    if status == 'success' then
      finish(t, status, wall, { history = history, returning = outcome })
      -- Each event is read by every listener: a large result is looked up instead.
      tell('completed', id, 'returnvalue', #outcome < 16384 and outcome or 'null', 'prev', 'active')
    elseif status == 'error' then
      finish(t, status, wall, { history = history })
      r('HSET', job, 'qt:error', ARGV[at + 5], 'qt:trace', ARGV[at + 6], 'failedReason', ARGV[at + 7], 'stacktrace', ARGV[at + 8])
      tell('failed', id, 'failedReason', ARGV[at + 7], 'prev', 'active')
    elseif status == 'cancel' then
      set(t, { history = history })
      cancelled(t, outcome, wall)
    else
      forgetOutcome(t)
      set(t, { history = history, runAt = ARGV[at + 9], isDue = ARGV[at + 10] })
      if ARGV[at + 11] == '0' then set(t, { attempt = backward(t.attempt) }) end
      if ARGV[at + 12] == '1' then r('HINCRBY', job, 'qt:crashes', 1) end
      if ARGV[at + 13] == '1' then r('HSET', job, 'qt:alone', '1') end
      wait(t, wall, 'prev', 'active')
    end
  end
end
return written
`;

/** ARGV: wall time; then for each report uuid, fence, progress (JSON or empty), number of lines, the lines. */
const report = `${COMMON}
local written = {}
local at = 2
while at <= #ARGV do
  local progress, lines = ARGV[at + 2], tonumber(ARGV[at + 3])
  local t = held(ARGV[at], ARGV[at + 1])
  written[#written + 1] = t and 1 or 0
  if t then
    if progress ~= '' then
      r('HSET', base .. t.id, 'qt:progress', progress, 'progress', progress, 'qt:updated', ARGV[1])
      tell('progress', t.id, 'data', progress)
    end
    for line = at + 4, at + 3 + lines do r('RPUSH', base .. t.id .. ':logs', ARGV[line]) end
  end
  at = at + 4 + lines
end
return written
`;

/** ARGV: uuid, reason (JSON, or empty for the default), wall time, urgent. */
const cancel = `${COMMON}
local t = load(ARGV[1])
if not t then return false end
if isFinal(t.status) then return 'finished' end
local reason = ARGV[2] ~= '' and ARGV[2] or '"' .. t.name .. '.cancel"'
if t.status == 'new' then
  local started = string.match(t.history or '', '.*"startedAtMs":([%d.]+)')
  leave(t)
  if started then set(t, { started = started }) end
  cancelled(t, reason, ARGV[3])
  return 'cancelled'
end
if not t.cancel then set(t, { cancel = reason }) end
if ARGV[4] == '1' then r('HSET', base .. t.id, 'qt:urgent', '1') end
tell('cancelling', t.id)
return 'cancelling'
`;

/** ARGV: uuid, wall time. */
const requeue = `${COMMON}
local t = load(ARGV[1])
if not t then return false end
if not isFinal(t.status) then return 0 end
leave(t)
forgetOutcome(t)
set(t, { attempt = '0', deaths = '0', runAt = ARGV[2], isDue = '1' })
r('HDEL', base .. t.id, 'qt:crashes', 'atm', 'ats')
wait(t, ARGV[2], 'prev', 'failed')
return 1
`;

/** ARGV: finished before or empty, how many to keep, limit or empty, statuses. Returns how many were forgotten. */
const prune = `${COMMON}
local before, keep, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) or math.huge
local kept = {}
for at = 4, #ARGV do kept[#kept + 1] = own .. 'ended:' .. ARGV[at] end
local excess = -keep
for _, ended in ipairs(kept) do excess = excess + r('ZCARD', ended) end
local removed = 0
while removed < math.min(excess, limit) do
  local oldestKey, oldestMs = nil, nil
  for _, ended in ipairs(kept) do
    local key, ms = unpack(r('ZRANGE', ended, 0, 0, 'WITHSCORES'))
    ms = tonumber(ms)
    if key and (not oldestKey or ms < oldestMs or (ms == oldestMs and key < oldestKey)) then oldestKey, oldestMs = key, ms end
  end
  if before and oldestMs >= before then break end
  local t = load(idOf(oldestKey))
  if t then forget(t) else
    for _, ended in ipairs(kept) do r('ZREM', ended, oldestKey) end
  end
  removed = removed + 1
end
return removed
`;

/** ARGV: limit or empty. Returns how many were forgotten. */
const purge = `${COMMON}
local limit, removed = tonumber(ARGV[1]) or math.huge, 0
for _, name in ipairs(r('SMEMBERS', own .. 'names')) do
  local line = indexOf('new', name)
  while removed < limit do
    local key = r('ZRANGE', line, 0, 0)[1]
    if not key then break end
    local t = load(idOf(key))
    if t then
      forget(t)
      removed = removed + 1
    else
      r('ZREM', line, key)
    end
  end
end
return removed
`;

/** Returns rows of a name and the number of each status. */
const counts = `${COMMON}${STRANGERS}
meetStrangers(string.format('%.0f', serverMs()))
local rows = {}
for _, name in ipairs(r('SMEMBERS', own .. 'names')) do
  local row = { name }
  for _, status in ipairs(STATUSES) do row[#row + 1] = r('ZCARD', indexOf(status, name)) end
  rows[#rows + 1] = row
end
return rows
`;

const oldestWaiting = `${COMMON}
local oldest = false
for _, name in ipairs(r('SMEMBERS', own .. 'names')) do
  local first = r('ZRANGE', indexOf('new', name), 0, 0, 'WITHSCORES')[2]
  if first and (not oldest or tonumber(first) < tonumber(oldest)) then oldest = first end
end
return oldest
`;

/** ARGV: wall time. Returns rows of a name, 1 or 0 for due, the next due time or false, and its attempt. */
const waiting = `${COMMON}
local rows = {}
for _, name in ipairs(r('SMEMBERS', own .. 'names')) do
  local isDue = r('EXISTS', lineOf(name)) == 1 or r('ZCOUNT', laterOf(name), '-inf', ARGV[1]) > 0
  local key, ms = unpack(r('ZRANGEBYSCORE', laterOf(name), '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, 1))
  local attempt = key and r('HGET', base .. idOf(key), 'qt:attempt') or '0'
  if isDue or key then rows[#rows + 1] = { name, isDue and 1 or 0, ms or false, attempt } end
end
return rows
`;

/**
 * ARGV: how many, created since, statuses joined by commas, name or empty, beginning of the uuid, where to begin behind
 * (a uuid, or what an earlier call returned, or empty), tag as JSON or empty. Looks at so many of the newest. Returns
 * where to go on, empty at the end, and then the ids of those that have the tag, newest first.
 */
const newest = `${COMMON}
local limit, since, statuses, name, prefix, tag = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[7]
local found = {}
local afterKey, afterMs = string.match(ARGV[6], '^(%S+) (%S+)$')
if ARGV[6] ~= '' and not afterKey then
  local t = load(ARGV[6])
  if not t then return { '' } end
  afterKey, afterMs = t.key, r('HGET', base .. t.id, 'timestamp')
end
afterMs = tonumber(afterMs)

-- Its place among those of the same time, of which a batch may make very many, is searched by halves.
local function firstBehind(index)
  if not afterKey then return 0 end
  local ms = string.format('%.0f', afterMs)
  local low = r('ZCOUNT', index, '(' .. ms, '+inf')
  local high = low + r('ZCOUNT', index, ms, ms)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if r('ZREVRANGE', index, middle, middle)[1] < afterKey then high = middle else low = middle + 1 end
  end
  return low
end

local function isNewer(key, ms, other, otherMs) return ms > otherMs or (ms == otherMs and key > other) end
local sinceMs = since == '-inf' and -math.huge or tonumber(since)

-- One index, newest first, read in pieces.
local piece = math.min(limit, 100)
local function nextOf(line)
  line.at = line.at + 2
  if line.at > #line.keys then
    line.keys, line.at = r('ZREVRANGE', line.index, line.first, line.first + piece - 1, 'WITHSCORES'), 1
    line.first = line.first + piece
  end
  line.key, line.ms = line.keys[line.at], tonumber(line.keys[line.at + 1])
  return line.key and line.ms >= sinceMs
end

if prefix ~= '' then
  for _, entry in ipairs(r('ZRANGEBYLEX', own .. 'ids', '[' .. prefix, '[' .. prefix .. '\\255')) do
    local t = load(string.match(entry, '^[^ ]*'))
    if t and string.find(statuses, t.status, 1, true) and (name == '' or name == t.name) then
      local created = tonumber(r('HGET', base .. t.id, 'timestamp'))
      if created >= sinceMs and (not afterKey or isNewer(afterKey, afterMs, t.key, created)) then
        found[#found + 1] = { t.key, created }
      end
    end
  end
  table.sort(found, function(a, b) return isNewer(a[1], a[2], b[1], b[2]) end)
else
  local lines = {}
  for _, each in ipairs(name ~= '' and { name } or r('SMEMBERS', own .. 'names')) do
    for status in string.gmatch(statuses, '%a+') do
      local index = indexOf(status, each)
      local line = { index = index, first = firstBehind(index), keys = {}, at = 1 }
      if nextOf(line) then lines[#lines + 1] = line end
    end
  end
  while #found < limit and #lines > 0 do
    local newest = 1
    for at = 2, #lines do
      if isNewer(lines[at].key, lines[at].ms, lines[newest].key, lines[newest].ms) then newest = at end
    end
    found[#found + 1] = { lines[newest].key, lines[newest].ms }
    if not nextOf(lines[newest]) then table.remove(lines, newest) end
  end
end
local last = found[limit]
local answer = { last and last[1] .. ' ' .. string.format('%.0f', last[2]) or '' }
for at = 1, math.min(limit, #found) do
  local id = idOf(found[at][1])
  if tag == '' or string.find(r('HGET', base .. id, 'qt:tags') or '', tag, 1, true) then answer[#answer + 1] = id end
end
return answer
`;

/** ARGV: number of fields, the fields, the uuids. Returns the values of each. */
const getMany = `${COMMON}
local fields, rows = {}, {}
for at = 2, ARGV[1] + 1 do fields[#fields + 1] = ARGV[at] end
for at = ARGV[1] + 2, #ARGV do rows[#rows + 1] = r('HMGET', base .. ARGV[at], unpack(fields)) end
return rows
`;

/** ARGV: uuid, how many of the oldest to leave out. */
const logs = `${COMMON}
return r('LRANGE', base .. ARGV[1] .. ':logs', ARGV[2], -1)
`;

/** ARGV: worker id, lease length, entry. The entry is kept with the end of its lease by the server's clock. */
const beat = `${COMMON}
r('HSET', own .. 'workers', ARGV[1], string.format('%.0f', serverMs() + ARGV[2]) .. ' ' .. ARGV[3])
`;

/** ARGV: worker id. */
const leave = `${COMMON}
r('HDEL', own .. 'workers', ARGV[1])
`;

/** Returns the server's time and all entries. */
const workers = `${COMMON}
return { string.format('%.0f', serverMs()), r('HVALS', own .. 'workers') }
`;

const serverTime = `${COMMON}
return string.format('%.0f', serverMs())
`;

export const SCRIPTS = {
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

export type ScriptName = keyof typeof SCRIPTS;
