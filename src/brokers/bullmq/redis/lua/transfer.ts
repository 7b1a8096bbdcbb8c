/**
 * A task under way keeps its hash and its log, under names that are no job's. `away` tells of each that has departed
 * whether it has left, and where it goes; `arrived` has the ids of those that came and have not entered.
 */
export const TRANSFER = `
local away, arrived = own .. 'away', own .. 'arrived'
local function boxOf(id) return own .. 'moving:' .. id end

local function rename(from, to)
  r('RENAME', from, to)
  if r('EXISTS', from .. ':logs') == 1 then r('RENAME', from .. ':logs', to .. ':logs') end
end

local function drop(id) r('DEL', boxOf(id), boxOf(id) .. ':logs') end
`;

/** ARGV: target, waiting or finished, limit, how many characters, number of fields, the fields. Returns the newest claim number, and of each task uuid, state and target, the values of the fields, the log. */
export const depart = `
local to, which, limit, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local fields = {}
for at = 6, 5 + ARGV[5] do fields[#fields + 1] = ARGV[at] end

local rows, size = {}, 0
local function show(id, state)
  local values, log = r('HMGET', boxOf(id), unpack(fields)), r('LRANGE', boxOf(id) .. ':logs', 0, -1)
  for _, value in ipairs(values) do size = size + (value and #value or 0) end
  for _, line in ipairs(log) do size = size + #line end
  rows[#rows + 1] = { id, state, values, log }
end

local left = r('HGETALL', away)
if #left > 0 then
  local order = {}
  for at = 1, #left, 2 do
    order[#order + 1] = { id = left[at], state = left[at + 1], key = r('HGET', boxOf(left[at]), 'qt:key') }
  end
  table.sort(order, function(a, b) return a.key < b.key end)
  for at = 1, math.min(limit, #order) do
    if size < most then show(order[at].id, order[at].state) end
  end
  return { r('GET', own .. 'fences') or '0', rows }
end

local wall = string.format('%.0f', serverMs())
meetStrangers(wall)
local found = {}
local function note(entries)
  for at = 1, #entries, 2 do found[#found + 1] = { key = entries[at], ms = tonumber(entries[at + 1]) } end
end
if which == 'waiting' then
  for _, name in ipairs(r('SMEMBERS', own .. 'names')) do
    note(r('ZRANGE', indexOf('new', name), 0, limit - 1, 'WITHSCORES'))
  end
else
  for _, status in ipairs({ 'success', 'error', 'cancel' }) do
    note(r('ZRANGE', own .. 'ended:' .. status, 0, limit - 1, 'WITHSCORES'))
  end
end
table.sort(found, function(a, b)
  if a.ms ~= b.ms then return a.ms < b.ms end
  return a.key < b.key
end)

for _, entry in ipairs(found) do
  if #rows >= limit or size >= most then break end
  local id = idOf(entry.key)
  local t = load(id)
  if t and leave(t) then
    unbind(t)
    change(own .. 'ids', idEntry(t), false)
    r('DEL', base .. id .. ':lock')
    lessened[t.name] = true
    rename(base .. id, boxOf(id))
    r('HSET', away, id, 'departed ' .. to)
    show(id, 'departed ' .. to)
  elseif t then
    -- Somebody who tells no events has taken it.
    reconcile(id, wall)
  else
    for _, status in ipairs(STATUSES) do r('ZREM', own .. 'ended:' .. status, entry.key) end
  end
end
return { r('GET', own .. 'fences') or '0', rows }
`;

/** ARGV: claim number, number of tasks; then for each uuid, number of fields and values, these by turns, number of lines, the lines. */
export const arrive = `
if tonumber(ARGV[1]) > tonumber(r('GET', own .. 'fences') or '0') then r('SET', own .. 'fences', ARGV[1]) end
local at = 2
while at <= #ARGV do
  local id, last = ARGV[at], at + 1 + ARGV[at + 1]
  local isKnown = r('EXISTS', base .. id) == 1 or r('HEXISTS', away, id) == 1
  if not isKnown then
    drop(id)
    for field = at + 2, last, 2 do r('HSET', boxOf(id), ARGV[field], ARGV[field + 1]) end
    for line = last + 2, last + 1 + ARGV[last + 1] do r('RPUSH', boxOf(id) .. ':logs', ARGV[line]) end
    r('HSET', arrived, id, 1)
  end
  at = last + 2 + ARGV[last + 1]
end
`;

/** ARGV: leave, enter or forget; wall time; uuids. Returns 1 or 0 for each. */
export const step = `
local wall = tonumber(ARGV[2])

local function bind(t)
  if not t.binding or (t.until_ == 'finished' and isFinal(t.status)) then return end
  local holder = r('HGET', own .. 'unique', t.binding)
  if not holder or r('EXISTS', base .. holder) == 0 then r('HSET', own .. 'unique', t.binding, t.id) end
end

local function enter(id)
  r('HDEL', away, id)
  r('HDEL', arrived, id)
  if r('EXISTS', base .. id) == 1 then return drop(id) end
  rename(boxOf(id), base .. id)
  local t = load(id)
  enroll(t)
  bind(t)
  if t.status == 'new' then
    return wait(t, r('HGET', base .. id, 'qt:updated'), { isDue = tonumber(t.runAt) <= wall and '1' or '0' })
  end
  finish(t, t.status, r('HGET', base .. id, 'qt:finished'))
  tell(t.status == 'success' and 'completed' or 'failed', id, 'returnvalue', 'null', 'prev', 'active')
end

local done = {}
for at = 3, #ARGV do
  local id = ARGV[at]
  local state = r('HGET', away, id)
  local isDeparted, hasLeft = state and string.sub(state, 1, 8) == 'departed', state and string.sub(state, 1, 4) == 'left'
  local hasArrived = not state and r('HEXISTS', arrived, id) == 1
  local isNext = hasArrived
  if ARGV[1] == 'leave' then
    isNext = isDeparted or hasLeft
    if isDeparted then r('HSET', away, id, 'left' .. string.sub(state, 9)) end
  elseif ARGV[1] == 'enter' then
    isNext = hasArrived or isDeparted
    if isNext then enter(id) end
  else
    isNext = hasArrived or hasLeft
    if isNext then
      r('HDEL', away, id)
      r('HDEL', arrived, id)
      drop(id)
    end
  end
  done[#done + 1] = isNext and 1 or 0
end
return done
`;

/** Returns state and target of each that has departed. */
export const underWay = `
return r('HVALS', away)
`;
