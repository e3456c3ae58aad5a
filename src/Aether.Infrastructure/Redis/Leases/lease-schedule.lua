-- Says when a lease that was given out may end, unless somebody said so since.
-- KEYS  leases by when they may end
-- ARGV  group:lease, the time that it was given out with, ms until it ends (0: nobody holds it)
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not known or tonumber(known) ~= tonumber(ARGV[2]) then return end
redis.call('ZREM', KEYS[1], ARGV[1])
if ARGV[3] == '0' then return end
local clock = redis.call('TIME')
local ends = clock[1] * 1000 + math.floor(clock[2] / 1000) + tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], string.format('%.0f', ends), ARGV[1])
