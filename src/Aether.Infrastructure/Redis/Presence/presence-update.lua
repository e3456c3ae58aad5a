-- A present client says something of itself.
-- KEYS  members, holders, versions
-- ARGV  client, state
-- Gives what presence-hold gives: {0, 0, 0} absent, {1, 0, connections, role, ...} present.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local client = ARGV[1]
local kept = redis.call('HMGET', KEYS[2], client, client .. ':seen')
if not kept[1] then return {0, 0, 0} end
local total, role, role_time, joined = string.match(kept[1], '^(%d+) (%d+) (%d+) (%d+) %d+$')
local versions = redis.call('HMGET', KEYS[3], client, '')
local version = math.max(
  tonumber(versions[1] or 0) + 1, tonumber(versions[2] or 0) + 1, clock[1] * 1000000 + clock[2])
redis.call('HSET', KEYS[2], client, total .. ' ' .. role .. ' ' .. role_time .. ' ' .. joined .. ' ' .. now,
  client .. ':state', ARGV[2])
redis.call('HSET', KEYS[3], client, version, '', version)
return {1, 0, total, role, role_time, joined, now, kept[2] or now, ARGV[2], redis.call('SCARD', KEYS[1]), version}
