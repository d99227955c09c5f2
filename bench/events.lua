-- wrk: posts batches of 20 events, one visitor a batch, every event id new; the lines of the file are request headers.
local heads, n = {}, 0
local run = tostring(os.time())
local id = 0

function init(arguments)
  for line in io.lines(arguments[1]) do heads[#heads + 1] = line end
end

function request()
  n = n % #heads + 1
  local name, value, visitor = heads[n]:match("^([^:]+): ([^\t]+)\t?(.*)$")
  local events = {}
  for place = 1, 20 do
    id = id + 1
    events[place] = string.format('{"id":"%s-%d","type":"view","item":"%d"}', run, id, id * 7919 % 20000)
  end
  local body = '{"events":[' .. table.concat(events, ",") .. ']'
  if visitor ~= "" then body = body .. ',"visitor":"' .. visitor .. '"' end
  return wrk.format("POST", "/v1/events", { [name] = value, ["content-type"] = "application/json" }, body .. "}")
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%f,"failed":%d,"p50_ms":%f,"p90_ms":%f,"p99_ms":%f}\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(90) / 1000, latency:percentile(99) / 1000))
end
