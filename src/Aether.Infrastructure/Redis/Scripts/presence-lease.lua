-- Takes a lease, or makes one last longer.
-- KEYS  leases
-- ARGV  incarnation, ms, the end as it was last told to the instance; 0 to take a new one
-- Gives the new end in ms by this clock; 0 if the lease is lost: it is gone or over, or it is older than what the
--       instance was told, and with it everything else may be.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if ARGV[3] ~= '0' then
  local lease = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
  if lease <= now or lease < tonumber(ARGV[3]) then return 0 end
end
-- A Redis that is full lets a script write only after a removal. Nobody may lose its lease because of that.
redis.call('ZREM', KEYS[1], '')
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return now + ARGV[2]
