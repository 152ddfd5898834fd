-- wrk: sign-ins of the first hundred owners in turn, all with the same password.
local requests = {}
local at = 0

function init(arguments)
    for n = 1, 100 do
        local body = string.format('{"email": "owner-%d@bench.example", "password": "bench password of ours"}', n)
        requests[n] = wrk.format("POST", "/api/v1/auth/login", { ["content-type"] = "application/json" }, body)
    end
    math.randomseed(os.time())
    at = math.random(100)
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
