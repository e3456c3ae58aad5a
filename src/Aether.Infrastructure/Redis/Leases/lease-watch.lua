-- Has a lease looked at when it may end. Comes before it is taken: a crash in between leaves one to look at in vain, and
-- never one that nobody looks at. And again behind it, since the lease before it may have been ended and let go in between.
-- KEYS  leases by when they may end
-- ARGV  group:lease, time to live (ms)
local clock = redis.call('TIME')
local ends = clock[1] * 1000 + math.floor(clock[2] / 1000) + tonumber(ARGV[2])
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
-- Another time than before in any case: whoever looks at it just now sees that it must not be forgotten.
if known then ends = math.min(ends, tonumber(known) - 1) end
redis.call('ZADD', KEYS[1], string.format('%.0f', ends), ARGV[1])
