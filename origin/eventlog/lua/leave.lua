-- Gives up everything that a consumer has, so that the others need not wait until its leases run out.
--
-- KEYS[1]  sorted set of the consumers
-- KEYS[2…] the leases of all partitions
-- ARGV[1]  the caller's id

redis.call('ZREM', KEYS[1], ARGV[1])
for i = 2, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then
    redis.call('DEL', KEYS[i])
  end
end
