-- One instance incarnation holds so many connections of a client in a group. It is an absolute fact: saying it twice is
-- saying it once.
-- KEYS  members, holders, held
-- ARGV  client, connections, lease end, role, role time, joined, state time, state. Times are ms by this clock; a role
--       time of 0 means that a new connection says its role now, a joined of 0 means now.
-- Gives {transition, held before, connections, role, role time, joined, state time, seen, state, members of the group},
--       transition being -1 too late, 0 absent before and after, 1 present before and after, 2 came, 3 went (then as
--       it was before).
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- Whoever saw the lease end may have removed what this incarnation holds: nobody would remove what it adds now.
if now >= tonumber(ARGV[3]) then return {-1} end

local client, count = ARGV[1], tonumber(ARGV[2])
local had = tonumber(redis.call('HGET', KEYS[3], client) or 0)
local kept = redis.call('HMGET', KEYS[2], client, client .. ':seen', client .. ':state')
local total, role, role_time, joined, state_time = 0, 0, 0, 0, 0
if kept[1] then
  total, role, role_time, joined, state_time = string.match(kept[1], '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  total, role_time, joined, state_time = tonumber(total), tonumber(role_time), tonumber(joined), tonumber(state_time)
end
local seen, state = tonumber(kept[2] or now), kept[3] or ''

-- A Redis that is full lets a script write only after it removed something: what gives room must never fail.
if count < had then redis.call('HDEL', KEYS[3], client) end
if count > 0 then redis.call('HSET', KEYS[3], client, count) end

local left = total - had + count
if left <= 0 then
  if not kept[1] then return {0, had} end
  redis.call('SREM', KEYS[1], client)
  redis.call('HDEL', KEYS[2], client, client .. ':seen', client .. ':state')
  return {3, had, total, role, role_time, joined, state_time, seen, state, redis.call('SCARD', KEYS[1])}
end

if ARGV[5] == '0' then
  role, role_time, seen = ARGV[4], now, now
elseif tonumber(ARGV[5]) > role_time then
  role, role_time = ARGV[4], tonumber(ARGV[5])
end
local since = ARGV[6] == '0' and now or tonumber(ARGV[6])
if joined == 0 or since < joined then joined = since end
if tonumber(ARGV[7]) > state_time then
  state, state_time = ARGV[8], tonumber(ARGV[7])
  redis.call('HSET', KEYS[2], client .. ':state', state)
end
redis.call('HSET', KEYS[2], client, left .. ' ' .. role .. ' ' .. role_time .. ' ' .. joined .. ' ' .. state_time,
  client .. ':seen', seen)
if not kept[1] then redis.call('SADD', KEYS[1], client) end
return {kept[1] and 1 or 2, had, left, role, role_time, joined, state_time, seen, state, redis.call('SCARD', KEYS[1])}
