-- Notes the lease of an incarnation that is done with, unless it is noted, so that somebody cleans up when it ends.
-- KEYS  leases
-- ARGV  incarnation, end
-- A Redis that is full lets a script write only after a removal.
redis.call('ZREM', KEYS[1], '')
redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1])
