/** ARGV: wall time; then for each settlement these. Returns 1 or 0 for each. */
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

export const settle = `
local wall = ARGV[1]
local written = {}
for at = 2, #ARGV, ${SETTLE_FIELDS.length} do
  local id, status, outcome = ARGV[at], ARGV[at + 2], ARGV[at + 4]
  local t = held(id, ARGV[at + 1])
  written[#written + 1] = t and 1 or 0
  if t then
    local job = base .. id
    if status == 'new' and t.cancel then status, outcome = 'cancel', t.cancel end
    local fields = { history = historyWith(t, status == 'new' and ARGV[at + 3] or status, status == 'cancel' and 'null' or ARGV[at + 5], wall),
      ends = string.format('%.0f', (t.ends or 0) + 1) }
    leave(t)
    if status == 'success' then
      fields.returning = outcome
      finish(t, status, wall, fields)
      -- Each event is read by every listener: a large result is looked up instead.
      tell('completed', id, 'returnvalue', #outcome < 16384 and outcome or 'null', 'prev', 'active')
    elseif status == 'error' then
      finish(t, status, wall, fields)
      r('HSET', job, 'qt:error', ARGV[at + 5], 'qt:trace', ARGV[at + 6], 'failedReason', ARGV[at + 7], 'stacktrace', ARGV[at + 8])
      tell('failed', id, 'failedReason', ARGV[at + 7], 'prev', 'active')
    elseif status == 'cancel' then
      set(t, fields)
      cancelled(t, outcome, wall)
    else
      forgetOutcome(t)
      fields.runAt, fields.isDue = ARGV[at + 9], ARGV[at + 10]
      if ARGV[at + 11] == '0' then fields.attempt = backward(t.attempt) end
      if ARGV[at + 12] == '1' then r('HINCRBY', job, 'qt:crashes', 1) end
      if ARGV[at + 13] == '1' then r('HSET', job, 'qt:alone', '1') end
      wait(t, wall, fields, 'prev', 'active')
    end
  end
end
return written
`;

/** ARGV: wall time; then for each report uuid, fence, progress (JSON or empty), number of lines, the lines. */
export const report = `
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
