/** ARGV: id, reason (JSON, or empty for the default), wall time, urgent. */
export const cancel = `
meetStrangers(ARGV[3])
local t = find(ARGV[1], ARGV[3])
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

/** ARGV: id, wall time. */
export const requeue = `
meetStrangers(ARGV[2])
local t = find(ARGV[1], ARGV[2])
if not t then return false end
if not isFinal(t.status) then return 0 end
leave(t)
forgetOutcome(t)
r('HDEL', base .. t.id, 'qt:crashes', 'atm', 'ats')
wait(t, ARGV[2], { attempt = '0', deaths = '0', runAt = ARGV[2], isDue = '1' }, 'prev', 'failed')
return 1
`;

/** ARGV: finished before or empty, how many to keep, limit or empty, statuses. Returns how many were forgotten. */
export const prune = `
local before, keep, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) or math.huge
local lines, excess = {}, -keep
for at = 4, #ARGV do
  local index = own .. 'ended:' .. ARGV[at]
  lines[#lines + 1] = { index = index, place = 0 }
  excess = excess + r('ZCARD', index)
end
local removed = 0
while removed < math.min(excess, limit) do
  local oldest = nil
  for _, line in ipairs(lines) do
    if not line.key then
      local key, ms = unpack(r('ZRANGE', line.index, line.place, line.place, 'WITHSCORES'))
      line.key, line.ms = key, tonumber(ms)
    end
    if line.key and (not oldest or line.ms < oldest.ms or (line.ms == oldest.ms and line.key < oldest.key)) then oldest = line end
  end
  if before and oldest.ms >= before then break end
  local t = load(idOf(oldest.key))
  if t then forget(t) else change(oldest.index, oldest.key, false) end
  -- What goes is there until the end.
  oldest.key, oldest.place = nil, oldest.place + 1
  removed = removed + 1
end
return removed
`;

/** ARGV: limit or empty. Returns how many were forgotten. */
export const purge = `
local limit, removed = tonumber(ARGV[1]) or math.huge, 0
for _, name in ipairs(r('SMEMBERS', own .. 'names')) do
  local index = indexOf('new', name)
  repeat
    local keys = removed < limit and r('ZRANGE', index, 0, math.min(limit - removed, PIECE) - 1) or {}
    for _, key in ipairs(keys) do
      local t = load(idOf(key))
      if t then
        forget(t)
        removed = removed + 1
      else
        change(index, key, false)
      end
    end
    flush()
  until #keys == 0
end
return removed
`;
