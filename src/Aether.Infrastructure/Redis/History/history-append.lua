-- Numbers a message, keeps it and publishes it. What may fail for want of room comes before anybody hears of it.
-- KEYS  stream, place, for a message with an id the key that remembers it, and for one that names a lease those of its group
-- ARGV  the message without its closing brace, channel, PUBLISH or SPUBLISH, an epoch for a stream that is new, how many
--       messages are kept, for how long (ms), for how long the place is remembered (ms), 1 if it is only for somebody who
--       hears, 0 if it is kept anyway; of a lease that its sender has to hold: name, client, term
-- Gives {1 published, instances, position}, {2 duplicate, 0, position of the first}, {3 nobody hears} or {4 the sender does
-- not hold the lease in this term}.
local stream, place, leases = KEYS[1], KEYS[2], ARGV[9] and KEYS[#KEYS]
local sent = KEYS[3] ~= leases and KEYS[3]
if sent then
  local first = redis.call('GET', sent)
  if first then return {2, 0, first} end
end
if ARGV[8] == '1' then
  local heard = redis.call('PUBSUB', ARGV[3] == 'SPUBLISH' and 'SHARDNUMSUB' or 'NUMSUB', ARGV[2])
  if heard[2] == 0 then return {3} end
end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if leases then
  local lease = redis.call('HMGET', leases, ARGV[9] .. ':h', ARGV[9] .. ':t', ARGV[9] .. ':e')
  if lease[1] ~= ARGV[10] or lease[2] ~= ARGV[11] or now >= tonumber(lease[3] or 0) then return {4} end
end
local known = redis.call('HMGET', place, 'e', 's')
local epoch, seq = known[1], tonumber(known[2] or 0) + 1
local position, message

local function keep()
  position = epoch .. ':' .. string.format('%.0f', seq)
  message = ARGV[1] .. ',"pos":"' .. position .. '"}'
  return redis.pcall(
    'XADD', stream, 'MAXLEN', '~', ARGV[5], string.format('%.0f-0', seq), 'm', message, 't', now)
end

local kept = epoch and keep()
if not epoch or (kept.err and not string.find(kept.err, 'OOM')) then
  -- The place was lost, or is older than the stream: what is still in that belongs to no number any more. Asked for first,
  -- since a Redis that is full takes anything from a script that has removed something.
  if redis.call('EXISTS', stream) == 1 then redis.call('DEL', stream) end
  epoch, seq = ARGV[4], 1
  kept = keep()
end
if kept.err then return kept end
redis.call('HSET', place, 'e', epoch, 's', string.format('%.0f', seq))
redis.call('PEXPIRE', stream, ARGV[6])
redis.call('PEXPIRE', place, ARGV[7])
if sent then redis.call('SET', sent, position, 'PX', ARGV[6]) end
return {1, redis.call(ARGV[3], ARGV[2], message), position}
