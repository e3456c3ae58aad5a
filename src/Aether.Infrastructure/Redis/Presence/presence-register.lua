-- An instance incarnation is about to hold members of some groups.
-- KEYS  groups of the incarnation
-- ARGV  lease end, groups
-- Gives 1; 0 if the lease is over: whoever cleans up after it may have been here already.
local clock = redis.call('TIME')
if clock[1] * 1000 + math.floor(clock[2] / 1000) >= tonumber(ARGV[1]) then return 0 end
-- A Redis that is full lets a script write only after a removal. It is the members whom it may refuse.
redis.call('SREM', KEYS[1], '')
for i = 2, #ARGV do redis.call('SADD', KEYS[1], ARGV[i]) end
return 1
