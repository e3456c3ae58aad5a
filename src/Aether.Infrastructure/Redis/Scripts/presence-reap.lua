-- Takes from an instance incarnation what it holds of some clients of a group. Of many that try at once, one does it.
-- KEYS  members, holders, held
-- ARGV  clients
-- Gives {members of the group, those that went as {client, connections before, role, joined, seen, state}}.
local went = {}
for _, client in ipairs(ARGV) do
  local had = tonumber(redis.call('HGET', KEYS[3], client) or 0)
  if had > 0 then
    redis.call('HDEL', KEYS[3], client)
    local kept = redis.call('HMGET', KEYS[2], client, client .. ':seen', client .. ':state')
    if kept[1] then
      local total, role, role_time, joined, state_time = string.match(kept[1], '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
      local left = tonumber(total) - had
      if left > 0 then
        redis.call('HSET', KEYS[2], client,
          left .. ' ' .. role .. ' ' .. role_time .. ' ' .. joined .. ' ' .. state_time)
      else
        redis.call('SREM', KEYS[1], client)
        redis.call('HDEL', KEYS[2], client, client .. ':seen', client .. ':state')
        went[#went + 1] = {client, total, role, joined, kept[2] or joined, kept[3] or ''}
      end
    end
  end
end
return {redis.call('SCARD', KEYS[1]), went}
