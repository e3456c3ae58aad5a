-- Lets one event into a command. Behind command-machine.lua.
-- ARGV  3 the command; 4 what happened:
--       say      5 which execution, 6 member, 7 connection, 8 attempt, 9 status, 10 progress, 11 result, 12 error
--       connect  5 member, 6 role
--       lost     5 which execution, 6 connection
--       confirm  from 5 on which execution and attempt, again and again; told: the same of what is called off
--       time, cancel, resume
-- Gives {id, state, verdict, status, 1 if the member has to stop, effects, 1 if the command ended with it, who has the execution if that is why the word is
-- stale, in how many ms somebody has to look at the group unless it was known (-1), after how many ms the member said its
-- first word of this attempt if it was that}, or nothing: there is no such command.
local happened = ARGV[4]
local said, holder, must_stop, taken

local function is_decided(one)
  return one.status == SUCCEEDED or one.status == FAILED or one.status == REJECTED
    or (one.status == CANCELED and not has_ended())
end

local function keep_late(one, attempt, status)
  if not is_ended(status) then return false end
  local result, problem = ARGV[11], ARGV[12]
  keep(one, ':l', attempt .. ' ' .. status .. ' ' .. text(now) .. ' ' .. #result .. ' ' .. result .. problem)
  return true
end

local function hear(one, by, status)
  if status == IN_PROGRESS then
    one.holder = by
    if ARGV[10] ~= '' then keep(one, ':p', ARGV[10]) end
    move(one, IN_PROGRESS)
    local limit = c.plan.progress
    -- That it is to stop is said until that is confirmed, also to who works on.
    set_timer(one, (limit == 0 or c.ending) and 0 or now + limit, c.ending and one.again or 0)
    return
  end
  keep(one, ':e', ARGV[12])
  -- One that had been given up has left its place to others.
  if status == FAILED and is_open(one.status) and try_next_attempt(one) then return end
  one.holder = by
  keep(one, ':r', ARGV[11])
  move(one, status)
  set_timer(one, 0, 0)
end

local function report()
  local index, by, attempt, status = tonumber(ARGV[5]), ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
  local one = index >= 0 and index < c.targets and row(index) or nil
  if not one or one.member ~= ARGV[6] then return VERDICT.unknown end
  said = one
  if attempt ~= one.attempt or attempt == 0 then
    if attempt > 0 and attempt < one.attempt then keep_late(one, attempt, status) end
    return VERDICT.stale
  end
  if one.holder and one.holder ~= by then
    -- The same end again: the answer was lost with the connection that said it, and it is as this one says.
    if is_ended(status) and status == one.status then return VERDICT.unchanged end
    holder = one.holder
    return VERDICT.stale
  end
  if is_decided(one) then return VERDICT.unchanged end
  if has_ended() then return keep_late(one, attempt, status) and VERDICT.late or VERDICT.unchanged end
  -- Who is being called off does not begin again.
  if c.ending and is_guess(one.status) and status == IN_PROGRESS then return VERDICT.unchanged end
  taken = one.status == SENT and text(now - one.updated)
  hear(one, by, status)
  reconcile()
  return VERDICT.applied
end

-- Late word of the command itself says nothing of its being called off.
local function confirm(is_cancel)
  if is_cancel ~= (c.ending ~= nil) then return end
  local fields = {}
  for i = 5, #ARGV, 2 do
    local index = tonumber(ARGV[i])
    if index >= 0 and index < c.targets and c.rows[index] == nil then fields[#fields + 1] = index end
    if #fields > 0 and (#fields == PAGE or i + 1 == #ARGV) then
      fetch_some(fields)
      fields = {}
    end
  end
  for i = 5, #ARGV, 2 do
    local index, attempt = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
    local one = index >= 0 and index < c.targets and row(index) or nil
    local is_meant = one and (one.status == SENT or (is_cancel and is_open(one.status)))
    if is_meant and one.attempt == attempt then set_timer(one, one.limit, 0) end
  end
end

local function lose()
  local index = tonumber(ARGV[5])
  local one = index >= 0 and index < c.targets and row(index) or nil
  if one and one.holder == ARGV[6] then
    one.holder = nil
    c.dirty[index] = one
  end
end

local before = first_due()
local verdict = with(ARGV[3], function()
  look()
  if happened == 'say' then
    local verdict = report()
    -- Who says that it has stopped need not be told to.
    must_stop = said and tonumber(ARGV[9]) == IN_PROGRESS and (c.ending or has_ended())
      and said.status ~= SUCCEEDED and said.status ~= FAILED and said.status ~= REJECTED
    return verdict
  elseif happened == 'connect' then
    connect(ARGV[5], tonumber(ARGV[6]))
  elseif happened == 'lost' then
    lose()
  elseif happened == 'confirm' or happened == 'told' then
    confirm(happened == 'told')
  elseif has_ended() then
    return c.version > c.before and VERDICT.applied or VERDICT.unchanged
  elseif happened == 'time' then
    pass_time()
  elseif happened == 'cancel' and not c.ending then
    call_off(STATUS.canceled, REASON.requested)
  elseif happened == 'resume' and c.status == STATUS.paused then
    c.status, c.reason = STATUS.in_progress, REASON.none
    begin_next_batch()
    reconcile()
  end
  return c.version > c.before and VERDICT.applied or VERDICT.unchanged
end)
if not verdict then return fault end
local result = answer(verdict, said and said.status, must_stop)
result[8], result[9], result[10] = holder or '', sooner(before), taken or ''
return result
