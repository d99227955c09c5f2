-- Note an erasure, once however often it is repeated.
--
-- KEYS[1]   stream: the audit
-- KEYS[2]   string: the receipt; absent for a part of an erasure that ends elsewhere
-- ARGV[1]   how many entries the audit keeps
-- ARGV[2]   how long the receipt is kept, in seconds
-- ARGV[3]   epoch milliseconds      ARGV[4]   what was done
-- ARGV[5]   how many log records    ARGV[6]   how many dead letters
--
-- Returns 1, or 0 if the receipt was there already.

if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[1], '*',
  'time_ms', ARGV[3], 'what', ARGV[4], 'events', ARGV[5], 'dead_letters', ARGV[6])
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[2]) end
return 1
