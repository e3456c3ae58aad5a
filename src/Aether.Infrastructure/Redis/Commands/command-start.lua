-- Begins a command, or finds that it has begun before. Behind command-machine.lua.
-- KEYS  10 the leases of the group, 11 the giver's request if it has a name
-- ARGV  3 the command, 4 its members with a space between, 5 the plan, 6 how many commands may run in the group, 7 the lease
--       that the giver has to hold (empty: none), 8 its term, 9 the giver; from 10 on the fields of what was ordered
-- Gives {0 begun, 1 it had before, 2 as many run as may, 3 the giver does not hold the lease, 4 it is for nobody; id, state,
-- effects}.
local id = ARGV[3]

local function begun_before(known)
  local found = known and redis.call('HMGET', KEYS[4] .. known, 'plan', 'state') or {}
  if found[1] and read_plan(found[1]) and read_state(found[2]) then return {1, known, found[2], ''} end
end

local function holds_lease()
  local known = redis.call('HMGET', KEYS[10], ARGV[7] .. ':h', ARGV[7] .. ':t', ARGV[7] .. ':e')
  return known[1] == ARGV[9] and tonumber(known[2] or 0) == tonumber(ARGV[8]) and now < tonumber(known[3] or 0)
end

-- What has begun has begun, whoever holds the lease now.
local first = begun_before(id) or begun_before(KEYS[11] and redis.call('GET', KEYS[11]))
if first then return first end
if ARGV[7] ~= '' and not holds_lease() then return {3} end
if ARGV[4] == '' then return {4} end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) then return {2} end

-- The first that is written is what a full Redis refuses.
local plan = read_plan(ARGV[5])
redis.call('HSET', KEYS[4] .. id, 'plan', ARGV[5], unpack(ARGV, 10))
if KEYS[11] then redis.call('SET', KEYS[11], id) end
take(id, plan, {status = STATUS.in_progress, reason = REASON.none, batch = 1, started = 0, version = 0, began = now,
  deadline = now + plan.deadline, ended = 0, ending_at = 0, targets = 0, limit = 0, window = 0, required = 0, counts = {}})
for status = QUEUED, UNDELIVERABLE do c.counts[status] = 0 end
c.fresh = {}
local places = {}
for member in string.gmatch(ARGV[4], '%S+') do
  places[#places + 1] = member
  places[#places + 1] = #c.fresh
  c.fresh[#c.fresh + 1] = member
end
c.targets, c.counts[QUEUED] = #c.fresh, #c.fresh
write_pages('HSET', c.places, places)
rescale()
c.version = 1
reconcile()
flush()

-- Behind the one that began last, also within a microsecond.
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
if last and tonumber(last) >= micros and tonumber(last) < 9000000000000000 then micros = tonumber(last) + 1 end
redis.call('ZADD', KEYS[1], text(micros), id)
note(false)
redis.call('PEXPIRE', KEYS[1], FORGOTTEN)
forget_ended()
return {0, c.id, c.written, table.concat(c.effects, ' ')}
