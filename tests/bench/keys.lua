-- wrk: lists of 20 with the keys of all tenants in turn. Arguments: how many tenants, where to begin.
local requests = {}
local at = 0

function init(arguments)
    local tenants = tonumber(arguments[1])
    for n = 1, tenants do
        requests[n] = wrk.format("GET", "/api/v1/contacts?limit=20", { ["x-api-key"] = "bench-key-" .. n })
    end
    math.randomseed(os.time())
    at = math.random(tenants)
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local errors = summary.errors
    if errors.connect + errors.read + errors.write + errors.status + errors.timeout > 0 then
        io.write("failed\n")
        return
    end
    io.write(string.format("requests %d in %d us\n", summary.requests, summary.duration))
end
