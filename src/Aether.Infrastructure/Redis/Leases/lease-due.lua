-- Gives out leases that may have ended, each to one caller, until that has had the time to look.
-- KEYS  leases by when they may end
-- ARGV  how many at most, for how long they are given out (ms)
-- Gives {ms until the next one may end (-1: there is none), the time that they have now, group:lease ...}.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function text(number) return string.format('%.0f', number) end
local again = text(now + tonumber(ARGV[2]))
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now), 'LIMIT', 0, tonumber(ARGV[1]))
for _, one in ipairs(due) do
  -- Removed first: a Redis that is full takes anything from a script that has removed something.
  redis.call('ZREM', KEYS[1], one)
  redis.call('ZADD', KEYS[1], again, one)
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {first[2] and text(math.max(0, first[2] - now)) or '-1', again, unpack(due)}
