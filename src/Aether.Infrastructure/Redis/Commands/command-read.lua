-- Reads a command and some of its executions.
-- KEYS  1 command, 2 executions, 3 those that changed by the version of their last change
-- ARGV  1 from which execution or after which version, 2 how many at most, 3 whether a version is meant (1), 4 how many bytes
--       they may be together: one there is always
-- Gives {what was ordered and the state, then index, row, progress, result, error and late word of each, 1 if there are fewer
-- for their length}, or nothing.
local known = redis.call('HMGET', KEYS[1], 'from', 'request', 'cmd', 'msg', 'payload', 'lease', 'plan', 'state')
if not known[8] then return nil end
local from, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local wanted, rows = {}, {}
if ARGV[3] == '1' then
  if limit > 0 then
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], '+inf', 'LIMIT', 0, limit)) do
      wanted[#wanted + 1] = string.match(member, '^%d+$') and tonumber(member)
    end
  end
else
  local targets = tonumber(string.match(known[8], '^%d+ %d+ %d+ %d+ %d+ %d+ %d+ %d+ %d+ %d+ (%d%d?%d?%d?%d?) ') or 0)
  for index = from, math.min(from + limit, targets) - 1 do wanted[#wanted + 1] = index end
end
-- A few at a time: what is too long is seen soon, and a script cannot ask for any number of fields.
local most, bytes, cut = tonumber(ARGV[4]), 0, 0
for first = 1, #wanted, 16 do
  local fields = {}
  for i = first, math.min(first + 15, #wanted) do
    local index = string.format('%d', wanted[i])
    for _, what in ipairs({'', ':p', ':r', ':e', ':l'}) do fields[#fields + 1] = index .. what end
  end
  local found = redis.call('HMGET', KEYS[2], unpack(fields))
  for i = 1, #found, 5 do
    for k = i, i + 4 do bytes = bytes + (found[k] and #found[k] or 0) end
    if bytes > most and #rows > 0 then
      cut = 1
      break
    end
    rows[#rows + 1] = fields[i]
    for k = i, i + 4 do rows[#rows + 1] = found[k] end
  end
  if cut == 1 then break end
end
return {known, rows, cut}
