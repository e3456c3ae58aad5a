-- Adds revocations, or puts back what was lost, and lets go of what is too old to matter.
-- KEYS  what was revoked
-- ARGV  for how long that is kept (ms); * to add in any case, or the id of the last entry that is known, empty: of none; then
--       of each revocation: jti and the id of a token, or sub and a client; of a client's the time before which they were
--       issued (ms), else empty; how long ago it was revoked (ms)
-- Gives the id of the last entry; nothing if another one came behind the one that is known.
local stream, kept, known = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function text(number) return string.format('%.0f', number) end
if known ~= '*' then
  local rest = redis.call('XRANGE', stream, known == '' and '-' or known, '+', 'COUNT', 2)
  if known == '' and rest[1] or known ~= '' and (not rest[1] or rest[1][1] ~= known or rest[2]) then return false end
end
local oldest, last = text(math.max(0, now - kept)), known
for i = 3, #ARGV, 4 do
  local told = {ARGV[i], ARGV[i + 1], 't', text(math.max(0, now - tonumber(ARGV[i + 3])))}
  if ARGV[i + 2] ~= '' then
    told[5], told[6] = 'issued_before', ARGV[i + 2]
  end
  last = redis.call('XADD', stream, 'MINID', '~', oldest, '*', unpack(told))
end
-- Longer than anything in it matters: or whoever still knows some of it would take its end for a loss.
redis.call('PEXPIRE', stream, text(kept + 60000))
return last
