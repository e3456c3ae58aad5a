-- Takes a lease, or makes one last longer.
-- KEYS  leases
-- ARGV  incarnation, ms, the end as it was last told to the instance (0 to take a new one), the run of the server that
--       told it
-- Gives {new end in ms by this clock, 0, run of this server}; {0, wiped, run} if the lease is lost. Wiped is 1 if Redis
--       forgot: the lease is older than what the instance was told, or it is gone though it is not over yet or though
--       the server started anew. It is 0 if the lease is over, so that others may have removed what was held under it.
local function run()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local new = ARGV[3] == '0'
if not new then
  local lease = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
  local told = tonumber(ARGV[3])
  if lease <= now or lease < told then
    local this = run()
    local wiped = lease > 0 and lease < told
      or lease == 0 and (now < told or (this ~= '' and ARGV[4] ~= '' and this ~= ARGV[4]))
    return {0, wiped and 1 or 0, this}
  end
end
-- A Redis that is full lets a script write only after a removal. Nobody may lose its lease because of that.
redis.call('ZREM', KEYS[1], '')
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return {now + ARGV[2], 0, new and run() or ''}
