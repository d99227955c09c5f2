-- Says that a consumer is alive and shares the partitions out among those that are: the consumers in the order of
-- their ids take turns. A partition that belongs to another one now is given up here; its lease is free at once.
--
-- KEYS[1]  the log's description
-- KEYS[2]  sorted set: ids of the consumers by the time until which they count as alive, epoch ms
-- KEYS[3…] one lease per partition, in the order of their numbers: the id of the consumer that has it
-- ARGV[1]  the description as the caller knows it
-- ARGV[2]  the caller's id
-- ARGV[3]  how long a consumer that says nothing counts as alive, ms
--
-- Returns the numbers of the partitions that the caller has; nil, and nothing is done, if the log is another one.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms)
redis.call('ZADD', KEYS[2], now_ms + ARGV[3], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])

local consumers = redis.call('ZRANGE', KEYS[2], 0, -1)
table.sort(consumers)
local has = {}
for i = 3, #KEYS do
  local holder = redis.call('GET', KEYS[i])
  if consumers[(i - 3) % #consumers + 1] == ARGV[2] then
    if not holder or holder == ARGV[2] then
      redis.call('SET', KEYS[i], ARGV[2], 'PX', ARGV[3])
      has[#has + 1] = i - 3
    end
  elseif holder == ARGV[2] then
    redis.call('DEL', KEYS[i])
  end
end
return has
