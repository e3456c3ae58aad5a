-- The machine of a command: what the domain's Command does, rule by rule and under the same names, with what Redis holds.
-- The scripts that begin a command, and that let an event into one, are put behind this.
-- KEYS  1 the group's commands by when they began, 2 those that run by when something is due, 3 those that ended by until
--       when they are kept, and the beginnings of keys that go on with a command's id: 4 command, 5 executions, 6 places,
--       7 timers, 8 changed; 9 the beginning of the keys of givers' requests. All in the slot of the group's channel.
-- ARGV  1 for how long a command is kept after its end (ms), 2 the time (ms; empty: Redis's, which it is but in tests)
-- A command is a hash of what was ordered and of two lists of numbers:
--   plan   continuous, role, delivery and progress timeout, deadline (ms), attempts, whether to stop at the quorum, whether
--          to pause, how many have to succeed, are open at a time, may fail, have ended before that counts, the batches
--   state  status, reason, ending (0: none), batch, started, version, began, deadline, ended, ending at, targets; how many
--          have their turn by the end of the batch, may be open, have to succeed; the nine counts
-- An amount is a count (c5), a share in billionths (s100000000) or - for none. All numbers stay below 2^53.
-- An execution is a field: status, attempt, limit, send again at, version, updated, member, and the holder if there is one.
local WHOLE, MAX_TARGETS, CANCEL_GRACE, SEND_AGAIN, PAGE = 1000000000, 10000, 10000, 2000, 1000
local QUEUED, SENT, IN_PROGRESS, SUCCEEDED, FAILED, REJECTED, TIMED_OUT, CANCELED, UNDELIVERABLE = 0, 1, 2, 3, 4, 5, 6, 7, 8
local STATUS = {in_progress = 0, paused = 1, succeeded = 2, incomplete = 3, failed = 4, canceled = 5, aborted = 6, timed_out = 7}
local REASON = {none = 0, batch_ended = 1, too_few_succeeded = 2, quorum_reached = 3, too_many_failed = 4, requested = 5,
  deadline = 6}
local VERDICT = {unchanged = 0, applied = 1, late = 2, stale = 3, unknown = 4}

local retention = tonumber(ARGV[1])
-- When nothing is kept any more of a command that begins now: it can run for a day.
local FORGOTTEN = retention + 86400000 + 60000
local clock = redis.call('TIME')
local micros = clock[1] * 1000000 + clock[2]
local now = math.floor(micros / 1000)
if ARGV[2] ~= '' then now, micros = tonumber(ARGV[2]), tonumber(ARGV[2]) * 1000 end

-- The command that is being looked at. Rows are read when they are needed, and all that changed is written at the end.
local c

local function text(number) return string.format('%.0f', number) end
-- So that the timers of one instant are in the order of the turns.
local function place(index) return string.format('%04d', index) end
local function is_open(status) return status == SENT or status == IN_PROGRESS end
local function is_ended(status) return status > IN_PROGRESS end
local function is_guess(status) return status == TIMED_OUT or status == UNDELIVERABLE end
local function has_ended() return c.status > STATUS.paused end
local function open() return c.counts[SENT] + c.counts[IN_PROGRESS] end

local function amount(word)
  local kind, number = string.match(word, '^([cs])(%d+)$')
  return kind and {is_share = kind == 's', n = tonumber(number)}
end

-- Rounded up. A remainder is exact where a quotient is not.
local function divide(part, whole)
  local sum = part + whole - 1
  return (sum - sum % whole) / whole
end

local function amount_of(one, all) return one.is_share and divide(one.n * all, WHOLE) or one.n end

local function is_exceeded(one, part, all)
  if one.is_share then return part * WHOLE > one.n * all end
  return part > one.n
end

-- What anybody could have written there instead is as good as nothing, and counts that do not fit could be no end.
local function read_plan(written)
  local continuous, role, delivery, progress, deadline, attempts, quorum, pause, min, concurrency, failures, least, batches =
    string.match(written or '', '^([01]) (%d+) (%d+) (%d+) (%d+) (%d+) ([01]) ([01]) (%S+) (%S+) (%S+) (%d+) (%S+)$')
  if not continuous or #batches > 1500 then return nil end
  return {is_continuous = continuous == '1', stops_at_quorum = quorum == '1', pauses = pause == '1', role = tonumber(role),
    delivery = tonumber(delivery), progress = tonumber(progress), deadline = tonumber(deadline), attempts = tonumber(attempts),
    min = amount(min), concurrency = amount(concurrency), failures = amount(failures), least = tonumber(least),
    written_batches = batches}
end

local STATE = '^' .. string.rep('(%d+) ', 22) .. '(%d+)$'

local function read_state(written)
  local n = {string.match(written or '', STATE)}
  if #n ~= 23 then return nil end
  for i = 1, 23 do
    n[i] = tonumber(n[i])
    if n[i] >= 9007199254740992 then return nil end
  end
  if n[1] > STATUS.timed_out or n[11] < 1 or n[11] > MAX_TARGETS or n[5] > n[11] or n[12] > n[11] then return nil end
  local counts, total = {}, 0
  for status = QUEUED, UNDELIVERABLE do
    counts[status] = n[15 + status]
    total = total + n[15 + status]
  end
  if total ~= n[11] then return nil end
  return {status = n[1], reason = n[2], ending = n[3] > 0 and n[3] or nil, batch = n[4], started = n[5], version = n[6],
    began = n[7], deadline = n[8], ended = n[9], ending_at = n[10], targets = n[11], limit = n[12], window = n[13],
    required = n[14], counts = counts}
end

local function write_state()
  local k = c.counts
  return string.format(
    '%d %d %d %d %d %.0f %.0f %.0f %.0f %.0f %d %d %.0f %.0f %d %d %d %d %d %d %d %d %d', c.status, c.reason, c.ending or 0,
    c.batch, c.started, c.version, c.began, c.deadline, c.ended, c.ending_at, c.targets, c.limit, c.window, c.required,
    k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8])
end

-- Gives nothing where there is no command that can be read.
local function take(id, plan, state)
  if not plan or not state then return nil end
  c = state
  c.id, c.plan, c.rows, c.dirty, c.timers, c.more, c.less, c.effects, c.strays =
    id, plan, {}, {}, {}, {}, {}, {}, {}
  c.before, c.touched = c.version, 0
  c.command, c.executions, c.places, c.timed, c.changed =
    KEYS[4] .. id, KEYS[5] .. id, KEYS[6] .. id, KEYS[7] .. id, KEYS[8] .. id
  return c
end

local function load(id)
  local kept = redis.call('HMGET', KEYS[4] .. id, 'plan', 'state')
  if not kept[1] or not kept[2] then return nil end
  local found = take(id, read_plan(kept[1]), read_state(kept[2]))
  if found then found.written = kept[2] end
  return found
end

-- The timer of a row is its limit, or when it is sent again if that is earlier; 0: none.
local function timer(limit, again)
  if limit == 0 or (again ~= 0 and again < limit) then return again end
  return limit
end

local function parse(index, written)
  local status, attempt, limit, again, version, updated, member, holder = string.match(
    written or '', '^(%d) (%d+) (%d+) (%d+) (%d+) (%d+) ([%w_%-]+) ?(.*)$')
  if not status or status == '9' then return nil end
  limit, again = tonumber(limit), tonumber(again)
  return {index = index, status = tonumber(status), attempt = tonumber(attempt), limit = limit, again = again,
    at = timer(limit, again), version = tonumber(version), updated = tonumber(updated), member = member,
    holder = holder ~= '' and holder or nil}
end

local function fetch_some(fields)
  local rows = redis.call('HMGET', c.executions, unpack(fields))
  for i, written in ipairs(rows) do c.rows[fields[i]] = parse(fields[i], written) or false end
  c.touched = c.touched + #fields
end

local function queue(index, member)
  local one = {index = index, status = QUEUED, attempt = 0, limit = 0, again = 0, at = 0, version = 0, updated = now,
    member = member}
  c.rows[index], c.dirty[index] = one, one
  return one
end

-- Reads rows that will be needed together. Of a command that begins there is nothing to read.
local function fetch(first, behind)
  if c.fresh then return end
  local fields = {}
  for index = first, behind - 1 do
    if c.rows[index] == nil then
      fields[#fields + 1] = index
      if #fields == PAGE then
        fetch_some(fields)
        fields = {}
      end
    end
  end
  if #fields > 0 then fetch_some(fields) end
end

local function row(index)
  local one = c.rows[index]
  if one == nil then
    if c.fresh then return queue(index, c.fresh[index + 1]) end
    fetch_some({index})
    one = c.rows[index]
  end
  return one or nil
end

local function set_timer(one, limit, again)
  one.limit, one.again = limit, again
  c.dirty[one.index] = one
  local at = timer(limit, again)
  if one.at ~= at then
    one.at = at
    c.timers[one.index] = at
  end
end

-- Those that have one have been read: nothing ends or is called off without looking at what is open.
local function clear_timers()
  c.cleared, c.timers = true, {}
  for index, one in pairs(c.rows) do
    if one and one.at ~= 0 then
      one.limit, one.again, one.at = 0, 0, 0
      c.dirty[index] = one
    end
  end
end

local function touch(one)
  c.version = c.version + 1
  one.version, one.updated = c.version, now
  c.dirty[one.index] = one
end

local function move(one, to)
  c.counts[one.status] = c.counts[one.status] - 1
  c.counts[to] = c.counts[to] + 1
  one.status = to
  touch(one)
end

local function keep(one, what, bytes)
  local field = one.index .. what
  if bytes == '' then
    c.less[field], c.more[field] = true, nil
  else
    c.more[field], c.less[field] = bytes, nil
  end
end

local function add(member)
  local one = queue(c.targets, member)
  c.targets = c.targets + 1
  c.counts[QUEUED] = c.counts[QUEUED] + 1
  return one
end

local function effect(kind, one)
  c.effects[#c.effects + 1] = kind .. one.index .. ' ' .. one.attempt .. ' ' .. one.member
end

local function batches()
  local plan = c.plan
  if not plan.batches then
    plan.batches = {}
    for word in string.gmatch(plan.written_batches, '[^,]+') do plan.batches[#plan.batches + 1] = amount(word) end
  end
  return plan.batches
end

local function limit_of(batch)
  local batches = batches()
  if batch > #batches then return c.targets end
  local limit = 0
  for i = 1, batch do
    local is_everybody = i == #batches and not batches[i].is_share and batches[i].n == 1
    limit = math.max(limit, is_everybody and c.targets or amount_of(batches[i], c.targets))
  end
  return math.min(limit, c.targets)
end

local function rescale()
  local plan = c.plan
  c.limit = limit_of(c.batch)
  c.window = plan.concurrency and amount_of(plan.concurrency, c.targets) or c.targets
  c.required = plan.min and amount_of(plan.min, c.targets) or c.targets
end

local function finish(status)
  c.status, c.ended, c.version = status, now, c.version + 1
  clear_timers()
end

local function by_counts()
  if c.counts[SUCCEEDED] >= c.required then return STATUS.succeeded end
  return c.counts[SUCCEEDED] > 0 and STATUS.incomplete or STATUS.failed
end

local function send(one)
  if one.attempt > 0 then keep(one, ':p', '') end
  one.attempt, one.holder = one.attempt + 1, nil
  move(one, SENT)
  set_timer(one, now + c.plan.delivery, now + SEND_AGAIN)
  effect('S', one)
end

local function try_next_attempt(one)
  if c.ending or now >= c.deadline or one.attempt >= c.plan.attempts then return false end
  send(one)
  return true
end

local function fill()
  if now >= c.deadline then return end
  local count = math.min(c.limit - c.started, c.window - open())
  if count > 0 then fetch(c.started, c.started + count) end
  while c.started < c.limit and open() < c.window do
    local one = row(c.started)
    c.started = c.started + 1
    if one then send(one) end
  end
end

local function pause_if_due()
  local first, succeeded = limit_of(c.batch - 1), 0
  fetch(first, c.limit)
  for index = first, c.limit - 1 do
    local one = row(index)
    if one and one.status == SUCCEEDED then succeeded = succeeded + 1 end
  end
  local members = c.limit - first
  local needed = math.min(members, divide(c.required * members, c.targets))
  local reason = succeeded < needed and REASON.too_few_succeeded or c.plan.pauses and REASON.batch_ended
  if not reason then return false end
  c.status, c.reason, c.version = STATUS.paused, reason, c.version + 1
  return true
end

local function begin_next_batch()
  repeat
    c.batch = c.batch + 1
    c.limit = limit_of(c.batch)
  until c.limit > c.started or c.limit >= c.targets
  c.version = c.version + 1
end

local function go_on()
  if c.status ~= STATUS.in_progress then return end
  fill()
  while c.started == c.limit and open() == 0 do
    if c.limit == c.targets then
      if not c.plan.is_continuous then
        c.reason = REASON.none
        finish(by_counts())
      end
      return
    end
    if now >= c.deadline or pause_if_due() then return end
    begin_next_batch()
    fill()
  end
end

-- Its limits rest, but until the member is surely told that is due again.
local function cancel(one)
  set_timer(one, 0, now + SEND_AGAIN)
  effect('C', one)
end

local function call_off(status, reason)
  c.ending, c.status, c.reason = status, STATUS.in_progress, reason
  c.ending_at, c.version = math.min(now + CANCEL_GRACE, c.deadline), c.version + 1
  fetch(0, c.targets)
  clear_timers()
  for index = 0, c.targets - 1 do
    local one = row(index)
    if one and one.status == QUEUED then
      move(one, CANCELED)
    elseif one and is_open(one.status) then
      cancel(one)
    end
  end
  if open() == 0 then finish(status) end
end

local function is_abort_met()
  local failures = c.plan.failures
  if not failures then return false end
  local failed = c.counts[FAILED] + c.counts[REJECTED] + c.counts[TIMED_OUT]
  local executed = c.counts[SUCCEEDED] + failed + c.counts[CANCELED]
  return executed >= c.plan.least and is_exceeded(failures, failed, executed)
end

local function reconcile()
  if c.ending then
    if open() == 0 then finish(c.ending) end
  elseif is_abort_met() then
    call_off(STATUS.aborted, REASON.too_many_failed)
  elseif c.plan.stops_at_quorum and c.counts[SUCCEEDED] >= c.required then
    call_off(STATUS.succeeded, REASON.quorum_reached)
  else
    go_on()
  end
end

local function end_open(executions_end, status)
  fetch(0, c.targets)
  for index = 0, c.targets - 1 do
    local one = row(index)
    if one and not is_ended(one.status) then move(one, executions_end) end
  end
  finish(status)
end

local function end_at_deadline()
  local is_cut = c.counts[QUEUED] + open() > 0
  c.reason = is_cut and REASON.deadline or REASON.none
  end_open(TIMED_OUT, is_cut and c.counts[SUCCEEDED] < c.required and STATUS.timed_out or by_counts())
end

local function expire(one)
  if one.status == IN_PROGRESS and try_next_attempt(one) then return end
  set_timer(one, 0, 0)
  move(one, one.status == SENT and UNDELIVERABLE or TIMED_OUT)
  reconcile()
end

local function pass_time()
  local till = math.min(now, c.deadline)
  -- What is due now is all that will be by this event: whatever it sets is later.
  local due, fields = redis.call('ZRANGEBYSCORE', c.timed, '-inf', text(till)), {}
  for i, member in ipairs(due) do
    local index = string.match(member, '^%d%d%d%d$') and tonumber(member) or MAX_TARGETS
    due[i] = index
    if index < c.targets then
      fields[#fields + 1] = index
    else
      redis.call('ZREM', c.timed, member)
    end
    if #fields > 0 and (#fields == PAGE or i == #due) then
      fetch_some(fields)
      fields = {}
    end
  end
  for _, index in ipairs(due) do
    if has_ended() or c.cleared then break end
    local one = index < c.targets and row(index) or nil
    if not one or one.at == 0 or one.at > till then
      -- Not what was written here: the row counts, and what is due for none is taken away.
      if one and one.at ~= 0 then
        c.timers[index], c.dirty[index] = one.at, one
      elseif index < c.targets then
        c.strays[#c.strays + 1] = place(index)
      end
    elseif one.limit ~= 0 and one.limit <= till then
      expire(one)
    elseif c.ending then
      cancel(one)
    else
      set_timer(one, one.limit, now + SEND_AGAIN)
      if now < c.deadline then effect('S', one) end
    end
  end
  if has_ended() then return end
  if c.ending and now >= c.ending_at then
    end_open(CANCELED, c.ending)
  elseif now >= c.deadline then
    end_at_deadline()
  end
end

-- Before each event: whoever is late to look at the clock changes nothing.
local function look()
  if not has_ended() and now >= c.deadline then pass_time() end
end

local function connect(member, role)
  look()
  if has_ended() then return end
  local index = redis.call('HGET', c.places, member)
  if index then
    local one = string.match(index, '^%d%d?%d?%d?$') and row(tonumber(index)) or nil
    if one and c.ending and is_open(one.status) then
      effect('C', one)
    elseif one and one.status == SENT then
      effect('S', one)
    end
    return
  end
  local plan = c.plan
  if not plan.is_continuous or c.ending or c.targets >= MAX_TARGETS or (plan.role ~= 0 and plan.role ~= role) then return end
  if redis.call('HGET', c.command, 'from') == member then return end
  local one = add(member)
  redis.call('HSET', c.places, member, one.index)
  touch(one)
  rescale()
  reconcile()
end

-- When time does something next.
local function next_due()
  local last = c.ending and c.ending_at or c.deadline
  local first = redis.call('ZRANGE', c.timed, 0, 0, 'WITHSCORES')
  return first[2] and math.min(tonumber(first[2]), last) or last
end

local function write_pages(command, key, words)
  for first = 1, #words, 2 * PAGE do
    redis.call(command, key, unpack(words, first, math.min(#words, first + 2 * PAGE - 1)))
  end
end

-- Writes what changed. What only removes, or is as long as before, is done by a Redis that is full as well, which lets a
-- script write once it has removed something: time has to go on, and who calls all off has to be heard.
local function flush()
  local words, timers, gone, changed = {}, {}, {}, {}
  if next(c.more) == nil then redis.call('ZREM', c.timed, '') end
  -- Thousands of rows have most of their numbers in common, and to spell a number is what takes time.
  local status, attempt, limit, again, head, updated, tail, at, at_text
  for index, one in pairs(c.dirty) do
    if one.status ~= status or one.attempt ~= attempt or one.limit ~= limit or one.again ~= again then
      status, attempt, limit, again = one.status, one.attempt, one.limit, one.again
      head = string.format('%d %d %.0f %.0f ', status, attempt, limit, again)
    end
    if one.updated ~= updated then
      updated = one.updated
      tail = ' ' .. text(updated) .. ' '
    end
    words[#words + 1] = index
    words[#words + 1] = one.holder and head .. text(one.version) .. tail .. one.member .. ' ' .. one.holder
      or head .. text(one.version) .. tail .. one.member
    local timer, name = c.timers[index], nil
    if timer and timer ~= 0 then
      if timer ~= at then at, at_text = timer, text(timer) end
      name = place(index)
      timers[#timers + 1] = at_text
      timers[#timers + 1] = name
    elseif timer and not c.cleared then
      name = place(index)
      gone[#gone + 1] = name
    end
    if one.version > c.before then
      changed[#changed + 1] = one.version
      changed[#changed + 1] = name or place(index)
    end
  end
  if c.fresh then
    local row_of = '0 0 0 0 0 ' .. text(now) .. ' '
    for i, member in ipairs(c.fresh) do
      if not c.rows[i - 1] then
        words[#words + 1] = i - 1
        words[#words + 1] = row_of .. member
      end
    end
  end
  for field, bytes in pairs(c.more) do
    words[#words + 1] = field
    words[#words + 1] = bytes
  end
  write_pages('HSET', c.executions, words)
  words = {}
  for field in pairs(c.less) do words[#words + 1] = field end
  write_pages('HDEL', c.executions, words)
  if c.cleared then redis.call('UNLINK', c.timed) end
  for _, member in ipairs(c.strays) do gone[#gone + 1] = member end
  write_pages('ZREM', c.timed, gone)
  write_pages('ZADD', c.timed, timers)
  write_pages('ZADD', c.changed, changed)

  local state = write_state()
  if state ~= c.written then redis.call('HSET', c.command, 'state', state) end
  c.written = state
end

-- What follows of it for the group: when the command is looked at next, or until when it is kept.
local function note(was_ended)
  if not has_ended() then
    c.due = next_due()
    redis.call('ZADD', KEYS[2], text(c.due), c.id)
    return
  end
  redis.call('ZREM', KEYS[2], c.id)
  if not was_ended then
    local who = redis.call('HMGET', c.command, 'from', 'request')
    if who[1] and who[2] then redis.call('PEXPIRE', KEYS[9] .. who[1] .. ':' .. who[2], retention) end
    for _, key in ipairs({c.command, c.executions, c.places, c.changed}) do redis.call('PEXPIRE', key, retention) end
    local began = redis.call('ZSCORE', KEYS[1], c.id)
    if began then
      redis.call('ZADD', KEYS[1] .. ':' .. c.status, began, c.id)
      redis.call('PEXPIRE', KEYS[1] .. ':' .. c.status, retention)
      redis.call('ZADD', KEYS[3], text(now + retention), c.status .. ':' .. c.id)
      redis.call('PEXPIRE', KEYS[3], FORGOTTEN)
    end
  end
end

-- Takes out of the lists what is kept no longer; its own keys end by themselves.
local function forget_ended()
  for _, kept in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', text(now), 'LIMIT', 0, PAGE)) do
    local status, id = string.match(kept, '^(%d):(.*)$')
    redis.call('ZREM', KEYS[3], kept)
    if id then
      redis.call('ZREM', KEYS[1], id)
      redis.call('ZREM', KEYS[1] .. ':' .. status, id)
    end
  end
end

-- Does something with a command, writes what it changed, and gives what it gave. What somebody else wrote under its name is
-- no command, and is looked at no more. Why Redis refused is in fault.
local fault
local function with(id, work)
  c = nil
  local done, result = pcall(function()
    if not load(id) then return false end
    local had_ended = has_ended()
    local answer = work()
    flush()
    note(had_ended)
    c.has_just_ended = has_ended() and not had_ended
    return answer
  end)
  if done and result then return result end
  local refusal = not done and (type(result) == 'table' and result.err or tostring(result))
  if refusal and not string.find(refusal, 'WRONGTYPE', 1, true) then
    -- Thrown on, it would lose the word that it begins with.
    fault = {err = string.match(refusal, '%f[%u](%u%u+ .*)$') or 'ERR ' .. refusal}
  else
    redis.call('ZREM', KEYS[2], id)
  end
  return nil
end

-- The first of those that run, in how many ms something is due; -1: none runs.
local function first_due()
  local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
  return first[2] and tonumber(first[2]) or nil
end

-- In how many ms somebody has to look at the group, if that is earlier than before, or nobody has looked for a while.
local function sooner(before)
  local after = first_due()
  if after and (not before or after < before or before < now - 15000) then return text(math.max(0, after - now)) end
  return '-1'
end

-- What a caller is told: the plan is asked for apart, as it does not change.
local function answer(verdict, status, is_canceled)
  return {c.id, c.written, verdict, status or 0, is_canceled and 1 or 0, table.concat(c.effects, ' '),
    c.has_just_ended and 1 or 0}
end
