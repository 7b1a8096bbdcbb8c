/**
 * What other users of the queue (plain BullMQ workers, producers, dashboards) did since we looked last, read from
 * BullMQ's event stream, brought into our books. Needs COMMON.
 */
export const STRANGERS = `
local function whereIs(id)
  for _, set in ipairs({ 'prioritized', 'delayed', 'completed', 'failed' }) do
    if r('ZSCORE', base .. set, id) then return set end
  end
  for _, list in ipairs({ 'active', 'wait', 'paused' }) do
    if r('LPOS', base .. list, id) then return list end
  end
end

local ARRIVAL = string.rep('%d', 16)

-- A job that was removed took its fields with it; where it was in our books is told by its id. An entry that begins with
-- the id may be that of a longer one with a space in it.
local function forgetRemoved(id)
  for _, entry in ipairs(r('ZRANGEBYLEX', own .. 'ids', '[' .. id .. ' 0', '(' .. id .. ' 1')) do
    local arrival, name = string.match(entry, '^(' .. ARRIVAL .. ')(.*)$', #id + 2)
    if arrival then
      local key, isOurs = arrival .. id, not string.find(name, ' ' .. ARRIVAL)
      for _, status in ipairs(STATUSES) do
        if r('ZREM', indexOf(status, name), key) == 1 then isOurs = true end
        r('ZREM', own .. 'ended:' .. status, key)
      end
      if isOurs then
        change(own .. 'ids', entry, false)
        change(laterOf(name), key, false)
        change(own .. 'held', key, false)
        lessened[name] = true
      end
    end
  end
end

-- Enters a job that is new to us.
local function meet(id)
  local name, priority, timestamp, delay = unpack(r('HMGET', base .. id, 'name', 'priority', 'timestamp', 'delay'))
  local t = { id = id, name = name }
  enroll(t, { priority = priority or '0', runAt = string.format('%.0f', timestamp + (delay or 0)), tags = '[]', attempt = '0', deaths = '0' })
  return t
end

local function takenElsewhere(t, wall)
  if t.status == 'process' then return end
  local started = r('HGET', base .. t.id, 'processedOn') or wall
  set(t, { started = started, worker = '"BullMQ"', attempt = string.format('%.0f', t.attempt + 1), fence = '0', boot = '' })
end

local function reconcile(id, wall)
  flush()
  if r('EXISTS', base .. id) == 0 then return forgetRemoved(id) end
  local place = whereIs(id)
  local t = load(id)
  local isWaiting = place == 'wait' or place == 'paused' or place == 'prioritized' or place == 'delayed'
  if place == nil or (t and t.status == 'process' and place == 'active') then return end
  if t and t.status == 'new' and (place == 'prioritized' or place == 'delayed') then return end
  if t and isFinal(t.status) and (place == 'completed' or place == 'failed') then return end

  t = t or meet(id)
  if isWaiting then
    if t.status == 'process' then record(t, 'error', 'null', wall) end
    if t.status and isFinal(t.status) then set(t, { attempt = '0', deaths = '0' }) end
    if t.status then leave(t) end
    for _, list in ipairs({ 'wait', 'paused' }) do r('LREM', base .. list, 0, id) end
    for _, set in ipairs({ 'prioritized', 'delayed' }) do r('ZREM', base .. set, id) end
    forgetOutcome(t)
    wait(t, wall, { isDue = place == 'delayed' and '0' or '1' })
  else
    takenElsewhere(t, wall)
    if t.status == 'new' then leave(t) end
    if place == 'active' then return enterIndex(t, 'process', wall) end
    local status = place == 'completed' and 'success' or 'error'
    if t.status == 'process' then leave(t) end
    record(t, status, 'null', wall)
    finish(t, status, r('HGET', base .. id, 'finishedOn') or wall)
  end
end

local function meetStrangers(wall)
  markSeen()
  local seen = r('GET', own .. 'seen')
  local events = r('XRANGE', base .. 'events', seen and '(' .. seen or '-', '+')
  if #events == 0 then return end
  for _, event in ipairs(events) do
    local fields = {}
    for place = 1, #event[2], 2 do fields[event[2][place]] = event[2][place + 1] end
    if fields.by ~= 'qtasks' and fields.jobId then reconcile(fields.jobId, wall) end
    seen = event[1]
  end
  flush()
  r('SET', own .. 'seen', seen)
  isAllSeen, lastTold = nil, nil
end

-- Whether there is a task of an id from outside, which may just as well be the rest of a key of BullMQ's or of ours:
-- a task's own key ends with its id. A job of which no event tells any more is met here.
local function isTask(id, wall)
  -- An error where there is something else than a hash.
  local key = redis.pcall('HGET', base .. id, FIELDS.key)
  if key == false and r('EXISTS', base .. id) == 1 then
    reconcile(id, wall)
    key = r('HGET', base .. id, FIELDS.key)
  end
  return type(key) == 'string' and idOf(key) == id
end

local function find(id, wall) return isTask(id, wall) and load(id) or nil end
`;
