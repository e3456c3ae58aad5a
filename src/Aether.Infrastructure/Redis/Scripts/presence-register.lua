-- An instance incarnation is about to hold members of a group.
-- KEYS  groups of the incarnation
-- ARGV  group, lease end
-- Gives 1; 0 if the lease is over: whoever cleans up after it may have been here already.
local clock = redis.call('TIME')
if clock[1] * 1000 + math.floor(clock[2] / 1000) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
return 1
