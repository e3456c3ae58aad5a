-- Where is a client of a group?
-- KEYS  members, holders, held by each incarnation that is known
-- ARGV  client
-- Gives {its connections on all instances, 1 if it is in the group's Set, how many of the incarnations hold some of
--       them, how many connections those hold}. If there are more connections than the incarnations hold, there is an
--       incarnation that is not known.
local client = ARGV[1]
local member = redis.call('SISMEMBER', KEYS[1], client)
local total = tonumber(string.match(redis.call('HGET', KEYS[2], client) or '0', '^%d+'))
local incarnations, connections = 0, 0
if total > 0 then
  for i = 3, #KEYS do
    local held = tonumber(redis.call('HGET', KEYS[i], client) or 0)
    if held > 0 then incarnations, connections = incarnations + 1, connections + held end
  end
end
return {total, member, incarnations, connections}
