-- Takes from an instance incarnation what it holds of some clients of a group. Of many that try at once, one does it.
-- KEYS  members, holders, held, versions
-- ARGV  clients
-- Gives {members of the group, those that went as {client, connections before, role, joined, seen, state, version}}.
local clock = redis.call('TIME')
local last = math.max(clock[1] * 1000000 + clock[2], tonumber(redis.call('HGET', KEYS[4], '') or 0) + 1)
local went = {}
for _, client in ipairs(ARGV) do
  local had = tonumber(redis.call('HGET', KEYS[3], client) or 0)
  if had > 0 then
    redis.call('HDEL', KEYS[3], client)
    local kept = redis.call('HMGET', KEYS[2], client, client .. ':seen', client .. ':state')
    if kept[1] then
      local total, role, role_time, joined, state_time = string.match(kept[1], '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
      local left = tonumber(total) - had
      last = math.max(last, tonumber(redis.call('HGET', KEYS[4], client) or 0) + 1)
      if left > 0 then
        redis.call('HSET', KEYS[2], client,
          left .. ' ' .. role .. ' ' .. role_time .. ' ' .. joined .. ' ' .. state_time)
        redis.call('HSET', KEYS[4], client, last, '', last)
      else
        redis.call('SREM', KEYS[1], client)
        redis.call('HDEL', KEYS[2], client, client .. ':seen', client .. ':state')
        redis.call('HDEL', KEYS[4], client)
        went[#went + 1] = {client, total, role, joined, kept[2] or joined, kept[3] or '', last}
      end
    end
  end
end
local size = redis.call('SCARD', KEYS[1])
if size == 0 then redis.call('DEL', KEYS[4]) elseif #went > 0 then redis.call('HSET', KEYS[4], '', last) end
return {size, went}
