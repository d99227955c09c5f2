-- Store what is newer than what is there, and tell the open pages. One call for many visitors.
--
-- KEYS[i]        string: the profile of visitor i (keys.profile_key)
-- ARGV[3i - 2]   its new value: 16 bytes of position, big-endian (source u32, high u64, low u32), then the blob
-- ARGV[3i - 1]   how long it lives, in seconds
-- ARGV[3i]       the channel on which to publish the value (keys.live_channel); empty to tell nobody
--
-- Returns for each visitor 1 if the value took effect, 0 if what is stored is as new or newer.
-- Positions of one source are compared; one of another source is always replaced.
-- high is read as two halves: Lua's numbers are exact up to 53 bits only. Strings are not compared: that depends on
-- the server's locale.

local function newer(new, old)
  local source, high, middle, low = struct.unpack('>I4I4I4I4', new)
  local old_source, old_high, old_middle, old_low = struct.unpack('>I4I4I4I4', old)
  if source ~= old_source then return true end
  if high ~= old_high then return high > old_high end
  if middle ~= old_middle then return middle > old_middle end
  return low > old_low
end

local done = {}
for i, key in ipairs(KEYS) do
  local value, channel = ARGV[3 * i - 2], ARGV[3 * i]
  local there = redis.call('GETRANGE', key, 0, 15)
  if #there < 16 or newer(value, there) then
    redis.call('SET', key, value, 'EX', ARGV[3 * i - 1])
    if channel ~= '' then redis.call('PUBLISH', channel, value) end
    done[i] = 1
  else
    done[i] = 0
  end
end
return done
