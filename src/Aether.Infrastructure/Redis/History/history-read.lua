-- Reads messages of a stream, oldest first.
-- KEYS  stream, place
-- ARGV  an epoch for a stream that is new, for how long the place is remembered (ms), how many messages are kept, for how
--       long (ms), epoch and seq to read after (empty: from the oldest, or the last ones), how many at most, of how many
--       bytes at most (one message at least), how many of the end (0: all)
-- Gives {status, epoch, end, from, seq, message, seq, message ...}: from is the seq before the first message. Status is
-- 0 found, 1 trimmed, 2 expired, 3 of another epoch, 4 too many.
local stream, place = KEYS[1], KEYS[2]
local known = redis.call('HMGET', place, 'e', 's')
if not known[1] then
  redis.call('DEL', stream)
  redis.call('HSET', place, 'e', ARGV[1], 's', 0)
  redis.call('PEXPIRE', place, ARGV[2])
  known = {ARGV[1], '0'}
end
local epoch, last = known[1], tonumber(known[2])
local most, limit, bytes, tail = tonumber(ARGV[3]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local clock = redis.call('TIME')
local oldest = clock[1] * 1000 + math.floor(clock[2] / 1000) - tonumber(ARGV[4])
local function number(n) return string.format('%.0f', n) end
local function lost(status) return {status, epoch, number(last), number(last)} end
-- A stream that is not full was not trimmed: what it lacks has had its time.
local function missing() return lost(redis.call('XLEN', stream) < most and 2 or 1) end

local from, asked
if ARGV[5] ~= '' then
  asked = tonumber(ARGV[6])
  if ARGV[5] ~= epoch or asked > last then return lost(3) end
  if last - asked > most then return lost(4) end
  from = asked
else
  from = math.max(0, last - (tail > 0 and math.min(tail, most) or most))
end
local result = {0, epoch, number(last), number(from)}
local size, count, next = 0, 0, from + 1
while next <= last and count < limit do
  -- A few at a time: how long they are is only known when they are here.
  local entries = redis.call(
    'XRANGE', stream, number(next) .. '-0', '+', 'COUNT', math.min(16, limit - count))
  if #entries == 0 then
    if asked then return count > 0 and result or missing() end
    if count == 0 then result[4] = number(last) end
    return result
  end
  for _, entry in ipairs(entries) do
    local seq = tonumber(string.match(entry[1], '^%d+'))
    local message, at = entry[2][2], tonumber(entry[2][4])
    if not at or at < oldest then
      -- Older ones come first: none before this one is good either.
      if asked then return lost(2) end
      result[4] = number(seq)
    else
      if seq ~= next and (asked or count > 0) then
        if count > 0 then return result end
        return missing()
      end
      if count == 0 then result[4] = number(seq - 1) end
      size = size + #message
      if count > 0 and size > bytes then return result end
      result[#result + 1] = number(seq)
      result[#result + 1] = message
      count = count + 1
    end
    next = seq + 1
  end
end
return result
