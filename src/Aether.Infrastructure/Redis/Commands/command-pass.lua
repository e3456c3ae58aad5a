-- Does what is due in the commands of a group. Behind command-machine.lua.
-- ARGV  3 in how many commands at most; after some thousand executions it stops as well
-- Gives {in how many ms something is due next (-1: nothing runs), then for each command {id, state, verdict, 0, 0, effects,
-- 1 if it ended with that, for how many ms it had been due}}.
local changes, touched = {}, 0
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #found, 2 do
  local verdict = with(found[i], function()
    if not has_ended() then pass_time() end
    return c.version > c.before and VERDICT.applied or VERDICT.unchanged
  end)
  if fault then break end
  if verdict then
    local change = answer(verdict)
    change[8] = text(now - (tonumber(found[i + 1]) or now))
    changes[#changes + 1] = change
    touched = touched + c.touched
    if touched > 2 * PAGE then break end
  end
end
if fault and #changes == 0 then return fault end
local due = first_due()
return {due and text(math.max(0, due - now)) or '-1', unpack(changes)}
