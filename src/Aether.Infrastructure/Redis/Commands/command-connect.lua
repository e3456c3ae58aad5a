-- A connection of a member opened: lets that into the commands of the group that run and that it concerns. Behind
-- command-machine.lua.
-- ARGV  3 member, 4 role
-- Gives {in how many ms somebody has to look at the group unless it was known (-1), then for each command in which that
-- changed something or has to {id, state, verdict, 0, 0, effects, 1 if it ended with that}}.
local member, role = ARGV[3], tonumber(ARGV[4])
local before = first_due()
if not before then return {'-1'} end
local changes = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  -- Most are those of others.
  local concerns = redis.pcall('HGET', KEYS[6] .. id, member)
  if not concerns then
    local plan = redis.pcall('HGET', KEYS[4] .. id, 'plan')
    concerns = type(plan) ~= 'string' or string.sub(plan, 1, 1) == '1'
  end
  local verdict = concerns and with(id, function()
    connect(member, role)
    return c.version > c.before and VERDICT.applied or VERDICT.unchanged
  end)
  if fault then break end
  if verdict and (verdict == VERDICT.applied or #c.effects > 0) then changes[#changes + 1] = answer(verdict) end
end
if fault and #changes == 0 then return fault end
return {sooner(before), unpack(changes)}
