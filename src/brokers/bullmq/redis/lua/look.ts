/** Returns rows of a name and the number of each status. */
export const counts = `
meetStrangers(string.format('%.0f', serverMs()))
local rows = {}
for _, name in ipairs(r('SMEMBERS', own .. 'names')) do
  local row = { name }
  for _, status in ipairs(STATUSES) do row[#row + 1] = r('ZCARD', indexOf(status, name)) end
  rows[#rows + 1] = row
end
return rows
`;

export const oldestWaiting = `
local oldest = false
for _, name in ipairs(r('SMEMBERS', own .. 'names')) do
  local first = r('ZRANGE', indexOf('new', name), 0, 0, 'WITHSCORES')[2]
  if first and (not oldest or tonumber(first) < tonumber(oldest)) then oldest = first end
end
return oldest
`;

/** ARGV: wall time. Returns rows of a name, 1 or 0 for due, the next due time or false, and its attempt. */
export const waiting = `
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
 * ARGV: how many, created since, statuses joined by commas, name or empty, beginning of the uuid, tag as JSON or empty;
 * then where to begin behind: nothing, an id, or key and time, as an earlier call returned them. Looks at so many of the
 * newest. Returns key and time to go on behind, empty at the end, and then the ids of those that have the tag, newest
 * first.
 */
export const newest = `
local wall = string.format('%.0f', serverMs())
meetStrangers(wall)
local limit, since, statuses, name, prefix, tag = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local found = {}
local afterKey, afterMs = ARGV[7], ARGV[8]
if afterKey and not afterMs then
  local t = find(afterKey, wall)
  if not t then return { '', '' } end
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
    local id = string.match(entry, '^([%x-]+) ')
    local t = id and #id == 36 and load(id)
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
local answer = { last and last[1] or '', last and string.format('%.0f', last[2]) or '' }
for at = 1, math.min(limit, #found) do
  local id = idOf(found[at][1])
  if tag == '' or string.find(r('HGET', base .. id, 'qt:tags') or '', tag, 1, true) then answer[#answer + 1] = id end
end
return answer
`;

/** ARGV: number of fields, the fields, the ids. Returns the values of each, none where there is no such task. */
export const getMany = `
local wall = string.format('%.0f', serverMs())
meetStrangers(wall)
local fields, rows = {}, {}
for at = 2, ARGV[1] + 1 do fields[#fields + 1] = ARGV[at] end
for at = ARGV[1] + 2, #ARGV do
  rows[#rows + 1] = isTask(ARGV[at], wall) and r('HMGET', base .. ARGV[at], unpack(fields)) or {}
end
return rows
`;

/** ARGV: uuid, how many of the oldest to leave out. */
export const logs = `
if not isTask(ARGV[1], string.format('%.0f', serverMs())) then return {} end
return r('LRANGE', base .. ARGV[1] .. ':logs', ARGV[2], -1)
`;
