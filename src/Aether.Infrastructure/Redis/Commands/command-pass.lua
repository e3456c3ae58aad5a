-- Does what is due in the commands of a group. Behind command-machine.lua.
-- ARGV  3 in how many commands at most; after some thousand executions it stops as well
-- Gives {in how many ms something is due next (-1: nothing runs), then for each command {id, state, verdict, 0, 0, effects}}.
local changes, touched = {}, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now), 'LIMIT', 0, ARGV[3])) do
  local verdict = with(id, function()
    if not has_ended() then pass_time() end
    return c.version > c.before and VERDICT.applied or VERDICT.unchanged
  end)
  if fault then break end
  if verdict then
    changes[#changes + 1] = answer(verdict)
    touched = touched + c.touched
    if touched > 2 * PAGE then break end
  end
end
if fault and #changes == 0 then return fault end
local due = first_due()
return {due and text(math.max(0, due - now)) or '-1', unpack(changes)}
