-- Counts records of a stream without sending them.
--
-- KEYS[1]  the stream
-- ARGV[1]  stream id after which to begin; ARGV[2] id with which to end, or +; ARGV[3] most to count in this call
--
-- Returns how many, and the id of the last one counted (ARGV[1] if there was none).

local found = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], ARGV[2], 'COUNT', ARGV[3])
local last = found[#found]
return {#found, last and last[1] or ARGV[1]}
