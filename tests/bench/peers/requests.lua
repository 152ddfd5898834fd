-- wrk: lists or creations with the keys of all tenants in turn. Arguments: path, body or -, how many tenants.
-- A body is sent by POST. Anything but what a success looks like is a failure; GraphQL says so in the body.
local threads = {}
local requests = {}
local at = 0
local graphql = false
failed = 0

function setup(thread)
    threads[#threads + 1] = thread
end

function init(arguments)
    local path, body, tenants = arguments[1], arguments[2], tonumber(arguments[3])
    graphql = path == "/graphql"
    for n = 1, tenants do
        local headers = { ["x-api-key"] = "bench-key-" .. n }
        if body == "-" then
            requests[n] = wrk.format("GET", path, headers)
        else
            headers["content-type"] = "application/json"
            requests[n] = wrk.format("POST", path, headers, body)
        end
    end
    math.randomseed(os.time())
    at = math.random(tenants)
    if graphql then
        response = function(status, _, answer)
            if status ~= 200 or answer:find('"errors"', 1, true) then failed = failed + 1 end
        end
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local errors = summary.errors
    local count = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    for _, thread in ipairs(threads) do count = count + thread:get("failed") end
    if count > 0 then
        io.write("failed\n")
        return
    end
    io.write(string.format("requests %d in %d us\n", summary.requests, summary.duration))
end
