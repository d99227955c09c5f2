-- wrk: asks for the targets in a file, one after another, and prints what it saw as one line of JSON.
local targets = {}

function init(arguments)
  for line in io.lines(arguments[1]) do targets[#targets + 1] = wrk.format("GET", line) end
end

local n = 0
function request()
  n = n % #targets + 1
  return targets[n]
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"failed":%d,"p50_ms":%f,"p90_ms":%f,"p99_ms":%f}\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(90) / 1000, latency:percentile(99) / 1000))
end
