-- Publishes a message if its sender holds a lease of the group.
-- KEYS  the leases of the group, in the slot of the channel
-- ARGV  name, client, term, channel, PUBLISH or SPUBLISH, message
-- Gives how many heard it; -1: the sender does not hold the lease in this term.
local clock = redis.call('TIME')
local known = redis.call('HMGET', KEYS[1], ARGV[1] .. ':h', ARGV[1] .. ':t', ARGV[1] .. ':e')
if known[1] ~= ARGV[2] or known[2] ~= ARGV[3]
  or clock[1] * 1000 + math.floor(clock[2] / 1000) >= tonumber(known[3] or 0) then return -1 end
return redis.call(ARGV[5], ARGV[4], ARGV[6])
