-- Reads the commands of a group, the newest first. Behind command-machine.lua.
-- ARGV  3 only those that are so far (empty: all), 4 how many are left out, 5 how many at most
-- Gives {how many there are, then of each its id, what was ordered and the state}. The text and the payload of what was
-- ordered are left out: no list tells them, and they may be long.
local status, skip, limit = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
forget_ended()
local ids, total = {}, 0
if status and status <= STATUS.paused then
  -- Few enough to look at each.
  local fitting = {}
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    local kept = redis.pcall('HGET', KEYS[4] .. id, 'state')
    local state = type(kept) == 'string' and read_state(kept)
    if state and state.status == status then
      fitting[#fitting + 1] = {id, tonumber(redis.call('ZSCORE', KEYS[1], id) or 0)}
    end
  end
  table.sort(fitting, function(a, b) return a[2] > b[2] end)
  total = #fitting
  for i = skip + 1, math.min(skip + limit, total) do ids[#ids + 1] = fitting[i][1] end
else
  local key = status and KEYS[1] .. ':' .. status or KEYS[1]
  total = redis.call('ZCARD', key)
  local last = total - 1 - skip
  if last >= 0 and limit > 0 then
    local found = redis.call('ZRANGE', key, math.max(0, last - limit + 1), last)
    for i = #found, 1, -1 do ids[#ids + 1] = found[i] end
  end
end
local result = {total}
for _, id in ipairs(ids) do
  local known = redis.pcall('HMGET', KEYS[4] .. id, 'from', 'request', 'cmd', 'lease', 'plan', 'state')
  -- Somebody else's, under the name of a command.
  if not known.err then
    result[#result + 1] = id
    result[#result + 1] = {known[1], known[2], known[3], false, false, known[4], known[5], known[6]}
  end
end
return result
