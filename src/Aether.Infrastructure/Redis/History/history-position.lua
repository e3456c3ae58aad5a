-- Says where a stream ends, gives one that nothing was kept in yet its epoch, and renews for how long that is remembered.
-- KEYS  stream, place
-- ARGV  an epoch for a stream that is new, for how long the place is remembered (ms)
-- Gives {epoch, seq}.
local known = redis.call('HMGET', KEYS[2], 'e', 's')
if not known[1] then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[2], 'e', ARGV[1], 's', 0)
  known = {ARGV[1], '0'}
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return known
