-- Some clients of a group gave a sign of life. Those that left meanwhile are passed over: their entry would stay for
-- ever.
-- KEYS  holders
-- ARGV  of each: client, how long ago (ms)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- A Redis that is full lets a script write only after a removal; what is overwritten here takes no room.
redis.call('HDEL', KEYS[1], '')
for i = 1, #ARGV, 2 do
  local known = redis.call('HMGET', KEYS[1], ARGV[i], ARGV[i] .. ':seen')
  local seen = math.min(now, now - ARGV[i + 1])
  -- It may have been seen elsewhere since.
  if known[1] and seen > tonumber(known[2] or 0) then
    redis.call('HSET', KEYS[1], ARGV[i] .. ':seen', string.format('%.0f', seen))
  end
end
