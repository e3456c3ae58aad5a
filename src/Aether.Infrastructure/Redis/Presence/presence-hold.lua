-- One instance incarnation holds so many connections of a client in a group. It is an absolute fact: saying it twice is
-- saying it once.
-- KEYS  members, holders, held, versions
-- ARGV  client, connections, lease end, role, role time, joined, state time, state, version, gone, and if any did closed.
--       Times are ms by this clock; a role time of 0 means that a new connection says its role now, a joined of 0 means
--       now. The version is the last one that the instance knows of the client. Gone is the version at which the group was
--       told that the client went, though this incarnation holds it; 0: it was not. Closed is when a role was said whose
--       connection closed since. The role is that of the newest connection of those that are open here.
-- Gives {transition, held before, connections, role, role time, joined, state time, seen, state, members of the group,
--       version, and 1 if it has another role than before}, transition being 1 present before and after, 2 came, 3 went
--       (then as it was before); or {-1} too late, or {0, held before, version} absent before and after.
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

-- The next version is above all that was ever told of the client: the group's last one if the group is there, else this
-- clock, which goes on when the keys are gone.
local versions = redis.call('HMGET', KEYS[4], client, '')
local known = tonumber(versions[1] or 0)
local version = math.max(
  known + 1, tonumber(versions[2] or 0) + 1, tonumber(ARGV[9]) + 1, tonumber(ARGV[10]) + 1,
  clock[1] * 1000000 + clock[2])

-- A Redis that is full lets a script write only after it removed something: what gives room must never fail, nor what
-- is only said again. A new connection is what it may refuse.
if count < had then
  redis.call('HDEL', KEYS[3], client)
elseif count == 0 or ARGV[5] ~= '0' then
  redis.call('HDEL', KEYS[3], '')
end
if count > 0 then redis.call('HSET', KEYS[3], client, count) end

local left = total - had + count
if left <= 0 then
  if not kept[1] then return {0, had, version} end
  redis.call('SREM', KEYS[1], client)
  redis.call('HDEL', KEYS[2], client, client .. ':seen', client .. ':state')
  redis.call('HDEL', KEYS[4], client)
  local size = redis.call('SCARD', KEYS[1])
  if size == 0 then redis.call('DEL', KEYS[4]) else redis.call('HSET', KEYS[4], '', version) end
  return {3, had, total, role, role_time, joined, state_time, seen, state, size, version}
end

-- Whoever takes away what it may hold says no role: that of a connection elsewhere stays. If it was its own, whoever
-- says one next is right.
local before = kept[1] and role or ARGV[4]
local ends = role_time > 0 and role_time == tonumber(ARGV[11] or 0)
if count > 0 and ARGV[5] == '0' then
  role, role_time, seen = ARGV[4], now, now
elseif count > 0 and (ends or tonumber(ARGV[5]) > role_time) then
  role, role_time = ARGV[4], tonumber(ARGV[5])
elseif ends then
  role_time = 0
end
local since = ARGV[6] == '0' and now or tonumber(ARGV[6])
if joined == 0 or since < joined then joined = since end
if tonumber(ARGV[7]) > state_time then
  state, state_time = ARGV[8], tonumber(ARGV[7])
  redis.call('HSET', KEYS[2], client .. ':state', state)
end
redis.call('HSET', KEYS[2], client, left .. ' ' .. role .. ' ' .. role_time .. ' ' .. joined .. ' ' .. state_time,
  client .. ':seen', seen)
redis.call('HSET', KEYS[4], client, version, '', version)
if not kept[1] then redis.call('SADD', KEYS[1], client) end
-- The first who says that a client is there after all is the one to tell it.
local came = not kept[1] or (ARGV[10] ~= '0' and known <= tonumber(ARGV[10]))
return {came and 2 or 1, had, left, role, role_time, joined, state_time, seen, state, redis.call('SCARD', KEYS[1]),
  version, role ~= before and 1 or nil}
