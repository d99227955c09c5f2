-- Appends events, all of them, if the log is the one that the caller knows.
--
-- KEYS[1]  the log's description
-- KEYS[2…] of each event, in order: the stream of its visitor's partition
-- ARGV[1]  the description as the caller knows it
-- ARGV[2…] of each event: visitor, value
--
-- Returns how many; nil, and nothing is done, if the log is another one.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end
for i = 2, #KEYS do
  redis.call('XADD', KEYS[i], '*', 'visitor', ARGV[2 * i - 2], 'event', ARGV[2 * i - 1])
end
return #KEYS - 1
