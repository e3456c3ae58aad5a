-- Whose lease is over?
-- KEYS  leases
-- ARGV  incarnation of the one who asks
-- Gives some incarnations; none to one whose own lease is over: then it was Redis that stood still or whose clock
--       jumped, and the others are as alive as the one who asks.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0) <= now then return {} end
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 16)
