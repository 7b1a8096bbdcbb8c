/** ARGV: for each task these, in this order. Returns uuid and 1 or 0 (deduplicated) by turns, or one uuid that is stored already. */
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

export const enqueue = `
local stride = ${ENQUEUE_FIELDS.length}
local fresh, bound, answer, count = {}, {}, {}, 0
for at = 1, #ARGV, stride do
  local id, binding = ARGV[at], ARGV[at + 13]
  local holder = binding ~= '' and (bound[binding] or r('HGET', own .. 'unique', binding))
  -- A job that somebody else removed has left its key bound.
  if holder and (holder == bound[binding] or r('EXISTS', base .. holder) == 1) then
    answer[#answer + 1] = holder
    answer[#answer + 1] = 1
  else
    if fresh[id] or r('EXISTS', base .. id) == 1 then return id end
    fresh[id], count = at, count + 1
    if binding ~= '' then bound[binding] = id end
    answer[#answer + 1] = id
    answer[#answer + 1] = 0
  end
end
local arrival = r('INCRBY', own .. 'arrivals', count) - count
for at = 1, #ARGV, stride do
  local id, binding = ARGV[at], ARGV[at + 13]
  if fresh[id] == at then
    arrival = arrival + 1
    local t = { id = id, name = ARGV[at + 1], key = padded(arrival) .. id, arrived = ARGV[at + 4] }
    local fields = { name = t.name, data = ARGV[at + 2], opts = ARGV[at + 3], arrived = t.arrived, delay = ARGV[at + 5],
      level = ARGV[at + 6], priority = ARGV[at + 7], runAt = ARGV[at + 8], isDue = ARGV[at + 9], tags = ARGV[at + 10],
      retry = ARGV[at + 11], most = ARGV[at + 12], key = t.key, attempt = '0', deaths = '0' }
    if binding ~= '' then
      fields.binding, fields.until_ = binding, ARGV[at + 14]
      r('HSET', own .. 'unique', binding, id)
    end
    book(t)
    wait(t, ARGV[at + 4], fields)
  end
end
return answer
`;
