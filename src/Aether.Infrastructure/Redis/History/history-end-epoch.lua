-- Begins another epoch of a stream, unless there is one already.
-- KEYS  stream, place
-- ARGV  the epoch that is over, another one, for how long the place is remembered (ms)
-- Gives {epoch, seq}.
local known = redis.call('HMGET', KEYS[2], 'e', 's')
if known[1] and known[1] ~= ARGV[1] then return known end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[2], 'e', ARGV[2], 's', 0)
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {ARGV[2], '0'}
