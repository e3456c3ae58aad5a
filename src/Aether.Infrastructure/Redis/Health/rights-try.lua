#!lua flags=no-writes
-- Which of some commands may the caller not run on some keys or channels? Nothing is written or published: Redis asks
-- its ACL first, and refuses what writes only then, because of the flag above.
-- ARGV  of each command: how many words it has, and these
-- Gives what Redis answered to each: the error, or nothing.
local answers, at = {}, 1
while ARGV[at] do
  local count = tonumber(ARGV[at])
  local answer = redis.pcall(unpack(ARGV, at + 1, at + count))
  answers[#answers + 1] = type(answer) == 'table' and answer.err or ''
  at = at + count + 1
end
return answers
