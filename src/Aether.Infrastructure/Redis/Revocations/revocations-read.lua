-- Reads what was revoked since.
-- KEYS  what was revoked
-- ARGV  the id of the last entry that was read, empty: from the beginning; how many entries at most
-- Gives {now (ms), the entries}, or {now} alone if the last one that was read is not there any more.
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
if ARGV[1] == '' then return {now, redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[2])} end
-- From that one on: that it is there says that this is the stream of which the ones before it were read.
local found = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2] + 1)
if not found[1] or found[1][1] ~= ARGV[1] then return {now} end
table.remove(found, 1)
return {now, found}
