-- Remembers up to where the log is done. Only ever forward: a consumer that lost its lease takes nothing back.
--
-- KEYS[1]  hash: stream id of the last record that is done, by source
-- ARGV     source, milliseconds, number; of each partition

for i = 1, #ARGV, 3 do
  local high, low = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local was = redis.call('HGET', KEYS[1], ARGV[i])
  local was_high, was_low = string.match(was or '0-0', '^(%d+)-(%d+)$')
  was_high, was_low = tonumber(was_high), tonumber(was_low)
  if high > was_high or (high == was_high and low > was_low) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. '-' .. ARGV[i + 2])
  end
end
