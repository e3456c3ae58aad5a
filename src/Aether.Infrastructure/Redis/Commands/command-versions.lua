-- Reads how often each of some commands has changed.
-- KEYS  the beginning of the keys of a group's commands
-- ARGV  the commands
-- Gives the version of each, 0 for one that is not there.
local versions = {}
for i, id in ipairs(ARGV) do
  local state = redis.pcall('HGET', KEYS[1] .. id, 'state')
  versions[i] = type(state) == 'string' and string.match(state, '^%d+ %d+ %d+ %d+ %d+ (%d+) ') or '0'
end
return versions
