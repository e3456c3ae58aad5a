-- Some clients of a group gave a sign of life. Those that left meanwhile are passed over: their entry would stay for
-- ever.
-- KEYS  holders
-- ARGV  clients
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- A Redis that is full lets a script write only after a removal; what is overwritten here takes no room.
redis.call('HDEL', KEYS[1], '')
for _, client in ipairs(ARGV) do
  if redis.call('HEXISTS', KEYS[1], client) == 1 then redis.call('HSET', KEYS[1], client .. ':seen', now) end
end
