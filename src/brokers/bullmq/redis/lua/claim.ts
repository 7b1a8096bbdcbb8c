/** ARGV: the request without its texts as JSON, the worker's name as JSON. Returns the claims, and the next due time or false. */
export const claim = `
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
      local before = { attempt = backward(t.attempt), isDue = '1' }
      if t.cancel then
        set(t, before)
        cancelled(t, t.cancel, q.wallMs)
      else
        forgetOutcome(t)
        wait(t, q.wallMs, before, 'prev', 'active')
      end
    end
  end
end

local line = {}
local function considerLost(t)
  if t.status ~= 'process' or not serves[t.name] or (wanted and not wanted[t.id]) then return end
  if not t.cancel then
    line[#line + 1] = { id = t.id, name = t.name, priority = tonumber(t.priority), place = placeOf(t) }
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

flush()
if q.limit > 0 and r('HEXISTS', base .. 'meta', 'paused') == 0 then
  if wanted then
    for id in pairs(wanted) do
      local t = find(id, q.wallMs)
      if t and t.status == 'new' and t.isDue == '1' and serves[t.name] then
        line[#line + 1] = { id = id, name = t.name, priority = tonumber(t.priority), place = placeOf(t) }
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

local claims, fences = {}, tonumber(r('GET', own .. 'fences') or '0')
local function take(entry)
  local t = loadWhole(entry.id)
  -- The job was taken or removed by somebody who tells no events.
  if not t then
    change(lineOf(entry.name), entry.place, false)
    return nil
  end
  local isLost = t.status == 'process'
  if not leave(t) and not isLost then
    reconcile(t.id, q.wallMs)
    return nil
  end
  if isLost then lose(t, q.wallMs) end
  if t.history or t.cancel then r('HDEL', base .. t.id, 'qt:progress', 'progress', 'qt:cancel', 'qt:urgent') end
  fences = fences + 1
  local fence = string.format('%.0f', fences)
  enterIndex(t, 'process', q.wallMs, { attempt = string.format('%.0f', t.attempt + 1), started = q.wallMs, worker = worker,
    fence = fence, boot = q.bootId, processedOn = q.wallMs, processedBy = worker, claimer = q.workerId,
    starts = string.format('%.0f', (t.starts or 0) + 1) })
  begun[#begun + 1] = t.id
  hold(t, q.leaseMs)
  change(own .. 'held:' .. q.bootId, t.key, string.format('%.17g', mono + q.leaseMs))
  change(own .. 'held', t.key, string.format('%.0f', server + q.leaseMs))
  tell('active', t.id, 'prev', 'waiting')
  return { t.id, fence, t.name, t.data, t.priority, t.attempt, t.retry, t.most, t.deaths, t.crashes, t.alone }
end

local few, left = {}, nil
if q.atMost then
  left = q.atMost.limit
  for _, name in ipairs(q.atMost.names) do few[name] = true end
end
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

if #claims > 0 then r('SET', own .. 'fences', claims[#claims][2]) end
flush()

local nextDue = nil
for _, name in ipairs(q.names) do
  local first = r('ZRANGE', laterOf(name), 0, 0, 'WITHSCORES')[2]
  if first and (nextDue == nil or tonumber(first) < tonumber(nextDue)) then nextDue = first end
end
return { claims, nextDue or false }
`;

/** ARGV: boot, monotonic end, length; then uuid and fence by turns. Returns `{ state, reason, urgent }` of each. */
export const extend = `
local boot, mono, leaseMs = ARGV[1], ARGV[2], ARGV[3]
local server = serverMs()
local states = {}
for at = 4, #ARGV, 2 do
  local t = held(ARGV[at], ARGV[at + 1])
  if not t then
    states[#states + 1] = { 'lost' }
  else
    change(own .. 'held:' .. t.boot, t.key, false)
    if t.boot ~= boot then set(t, { boot = boot }) end
    change(own .. 'held:' .. boot, t.key, mono)
    change(own .. 'held', t.key, string.format('%.0f', server + leaseMs))
    hold(t, leaseMs)
    if t.cancel then
      states[#states + 1] = { 'cancelling', t.cancel, r('HGET', base .. t.id, 'qt:urgent') or '' }
    else
      states[#states + 1] = { 'held' }
    end
  end
end
return states
`;
