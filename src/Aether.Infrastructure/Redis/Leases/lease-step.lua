-- Does with a lease what the domain's Lease does, by Redis's clock.
-- KEYS  the leases of a group: for each name its holder (h), term (t), time to live (l) and end (e), times in ms; and how
--       many names there are (:n)
-- ARGV  acquire, renew, release, take, end or get; name, client, term, time to live; what the group is told if it has a new
--       holder or none any more, as it is published, with the term 0; channel, PUBLISH or SPUBLISH; how many names there
--       may be
-- Gives {0 done, 1 held by another, 2 stale or 3 as many names as may be, 1 if it has a new holder or none any more, holder,
-- term, time to live, end, now}. Numbers are texts: Redis cuts those of Lua.
local leases, step, name, client = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local known = redis.call('HMGET', leases, name .. ':h', name .. ':t', name .. ':l', name .. ':e', ':n')
local holder = known[1] or ''
local term, ttl, ends = tonumber(known[2] or 0), tonumber(known[3] or 0), tonumber(known[4] or 0)
local is_new, names = not known[2], tonumber(known[5] or 0) or 0
local verdict, changed = 0, 0

local function is_held() return holder ~= '' and now < ends end
local function text(number) return string.format('%.0f', number) end
local function keep()
  redis.call(
    'HSET', leases, name .. ':h', holder, name .. ':t', text(term), name .. ':l', text(ttl), name .. ':e', text(ends))
end

if step == 'acquire' then
  -- A name that is new stays, as its term does.
  if is_new and names >= tonumber(ARGV[9]) then
    verdict = 3
  elseif not is_held() then
    if is_new then redis.call('HSET', leases, ':n', text(names + 1)) end
    holder, term, ttl, changed = client, term + 1, tonumber(ARGV[5]), 1
    ends = now + ttl
    keep()
  elseif holder == client then
    ttl = tonumber(ARGV[5])
    ends = math.max(ends, now + ttl)
    keep()
  else
    verdict = 1
  end
elseif step == 'end' then
  if holder ~= '' and not is_held() then
    redis.call('HDEL', leases, name .. ':h')
    holder, changed = '', 1
  end
elseif step ~= 'get' then
  if step ~= 'take' and not (is_held() and holder == client and term == tonumber(ARGV[4])) then
    verdict = 2
  elseif step == 'renew' then
    ends = math.max(ends, now + ttl)
    keep()
  elseif is_held() then
    -- Only removing: so that a full Redis does it as well. The term stays for ever.
    redis.call('HDEL', leases, name .. ':h')
    holder, changed = '', 1
  end
end
if changed == 1 then
  -- Here and not after it: so the order of what is told is that of the terms, and nobody can die in between.
  redis.call(ARGV[8], ARGV[7], (string.gsub(ARGV[6], '"term":0', '"term":' .. text(term), 1)))
end
return {verdict, changed, holder, text(term), text(ttl), text(ends), text(now)}
