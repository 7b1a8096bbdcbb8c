/**
 * What the scripts share. `KEYS[1]` is where BullMQ's keys of this queue begin; ours begin with `qt:` behind that.
 *
 * A task is BullMQ's job hash with fields of ours (`qt:…`) in it. It is in one of BullMQ's sets at a time (prioritized,
 * delayed, active, completed, failed), and in our index of the same status; `leave` takes it out of both, `enter` puts
 * it into both. Numbers are handed through as text, because Lua would write them with 14 digits.
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

local maxEvents, isAllSeen
-- The field "by" tells our own events from those of other users of the queue. Where nobody else has told anything since
-- we looked last, ours need not be read when we look for those of others.
local function tell(event, id, ...)
  if isAllSeen == nil then
    local last = r('XREVRANGE', base .. 'events', '+', '-', 'COUNT', 1)[1]
    isAllSeen = last ~= nil and last[1] == r('GET', own .. 'seen')
    maxEvents = r('HGET', base .. 'meta', 'opts.maxLenEvents') or '10000'
  end
  local place = r('XADD', base .. 'events', 'MAXLEN', '~', maxEvents, '*', 'event', event, 'jobId', id, 'by', 'qtasks', ...)
  if isAllSeen then r('SET', own .. 'seen', place) end
end

local FIELDS = {
  status = 'qt:status', key = 'qt:key', priority = 'qt:priority', runAt = 'qt:runAt', isDue = 'qt:due',
  attempt = 'qt:attempt', deaths = 'qt:deaths', started = 'qt:started', worker = 'qt:worker', fence = 'qt:fence',
  boot = 'qt:boot', claimer = 'qt:claimer', cancel = 'qt:cancel', binding = 'qt:binding', until_ = 'qt:until', name = 'name', history = 'qt:history',
  updated = 'qt:updated', finished = 'qt:finished', arrived = 'timestamp', returning = 'returnvalue', finishedOn = 'finishedOn',
  processedOn = 'processedOn', processedBy = 'pb',
}
local SHORT, LONG = {}, {}
-- What is written and never looked at here.
local UNREAD = { updated = true, finished = true, returning = true, finishedOn = true, processedOn = true, processedBy = true }
for short, long in pairs(FIELDS) do if not UNREAD[short] then
  SHORT[#SHORT + 1] = short
  LONG[#LONG + 1] = long
end end

local function load(id)
  local values = r('HMGET', base .. id, unpack(LONG))
  local t = { id = id }
  for place, short in ipairs(SHORT) do t[short] = values[place] end
  return t.status and t or nil
end

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
  r('ZREM', indexOf(t.status, t.name), t.key)
  if t.status == 'new' then
    if r('ZREM', lineOf(t.name), placeOf(t)) == 0 then r('ZREM', laterOf(t.name), t.key) end
    return r('ZREM', base .. 'prioritized', t.id) == 1 or r('ZREM', base .. 'delayed', t.id) == 1
  elseif t.status == 'process' then
    r('DEL', base .. t.id .. ':lock')
    r('SREM', base .. 'stalled', t.id)
    r('ZREM', own .. 'held', t.key)
    if t.boot then r('ZREM', own .. 'held:' .. t.boot, t.key) end
    return r('LREM', base .. 'active', -1, t.id) > 0
  end
  r('ZREM', own .. 'ended:' .. t.status, t.key)
  return r('ZREM', finishedSet(t.status), t.id) > 0
end

local function joinLine(t)
  r('ZADD', lineOf(t.name), t.priority, placeOf(t))
  -- BullMQ counts from 1 to 2^21, and lets those of one number run in the order of a counter.
  local level = math.max(1, math.min(2 * UNSIGNED, tonumber(t.priority) + UNSIGNED))
  r('ZADD', base .. 'prioritized', level * 0x100000000 + r('INCR', base .. 'pc') % 0x100000000, t.id)
  if r('HEXISTS', base .. 'meta', 'paused') == 0 then r('ZADD', base .. 'marker', 0, '0') end
end

-- Writes more of its fields on the way.
local function enterIndex(t, status, wall, fields)
  fields = fields or {}
  fields.status, fields.updated = status, wall
  set(t, fields)
  r('ZADD', indexOf(status, t.name), t.arrived or r('HGET', base .. t.id, 'timestamp'), t.key)
end

local function wait(t, wall, ...)
  enterIndex(t, 'new', wall)
  if t.isDue == '1' then
    joinLine(t)
    tell('waiting', t.id, ...)
  else
    r('ZADD', laterOf(t.name), t.runAt, t.key)
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
  r('ZADD', own .. 'ended:' .. status, wall, t.key)
  r('ZADD', finishedSet(status), wall, t.id)
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

-- Once it has no record.
local function forgetName(name)
  for _, status in ipairs(STATUSES) do
    if r('EXISTS', indexOf(status, name)) == 1 then return end
  end
  r('SREM', own .. 'names', name)
end

local function forget(t)
  leave(t)
  unbind(t)
  r('ZREM', own .. 'ids', idEntry(t))
  local job = base .. t.id
  r('DEL', job, job .. ':logs', job .. ':lock')
  forgetName(t.name)
end

-- Enters a job into our books, behind those that are there.
local function enroll(t)
  set(t, { key = padded(r('INCR', own .. 'arrivals')) .. t.id })
  r('SADD', own .. 'names', t.name)
  r('ZADD', own .. 'ids', 0, idEntry(t))
end

-- The same for a new one; its hash has what is given at queueing.
local function register(t)
  set(t, { attempt = '0', deaths = '0' })
  enroll(t)
end

-- The run that lease names, while nothing newer has happened to the task.
local function held(id, fence)
  local t = load(id)
  return t and t.status == 'process' and t.fence == fence and t or nil
end
`;
