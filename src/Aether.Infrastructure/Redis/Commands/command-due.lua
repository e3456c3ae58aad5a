-- Which groups have to be looked at, by Redis's clock.
-- KEYS  groups by when something is due in one of their commands
-- ARGV  tell    group, in how many ms: it is looked at then, or before
--       claim   how many, for how many ms: gives those whose time has come, for so long to nobody else, as group, what the
--               claim is known by, and 1 if nothing was found there the last time
--       schedule for how many ms a group may be left alone, for how many one in which nothing runs; then of each group:
--               group, what the claim is known by, in how many ms something is due (-1: nothing runs), and 1 if it is to be
--               forgotten then. A claim that is not the group's last word is not heard: somebody has told of something new.
--               But what was told for later than the claim puts off nothing that is due sooner.
-- Times told are whole; those of a claim end in a quarter, and those of a group in which nothing ran in a half. A group in
-- which nothing runs is not forgotten at once: whoever told of it may be about to begin there.
local due, verb = KEYS[1], ARGV[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function score(group)
  local known = redis.call('ZSCORE', due, group)
  return known and tonumber(known)
end
local function set(group, at) redis.call('ZADD', due, string.format('%.2f', at), group) end

-- A Redis that is full lets a script write once it has removed something: time has to go on.
redis.call('ZREM', due, '')
if verb == 'tell' then
  local at, known = now + tonumber(ARGV[3]), score(ARGV[2])
  if not known or at < known then
    set(ARGV[2], at)
  elseif known % 1 ~= 0 then
    -- Looked at early enough, but whoever has it or found nothing there may not know what this is about.
    set(ARGV[2], math.floor(known))
  end
  return 1
elseif verb == 'claim' then
  local claims = {}
  local found = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[2])
  for i = 1, #found, 2 do
    local claim = now + tonumber(ARGV[3]) + 0.25
    set(found[i], claim)
    claims[#claims + 1] = found[i]
    claims[#claims + 1] = string.format('%.2f', claim)
    claims[#claims + 1] = tonumber(found[i + 1]) % 1 == 0.5 and 1 or 0
  end
  return claims
end
for i = 4, #ARGV, 4 do
  local group, claim, wait, forget = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), ARGV[i + 3]
  local known = score(group)
  if known == claim then
    if wait >= 0 then
      set(group, now + math.min(wait, tonumber(ARGV[2])))
    elseif forget == '1' then
      redis.call('ZREM', due, group)
    else
      set(group, now + tonumber(ARGV[3]) + 0.5)
    end
  elseif known == math.floor(claim) and wait >= 0 and now + wait < known then
    -- Told of for later than the claim ends: something else may be due sooner.
    set(group, now + wait)
  end
end
return 1
