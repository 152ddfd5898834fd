# shellcheck shell=bash
# Owns the question whether a TCP port is free.
# Must never hold one.
# Sourced by run.sh, test.sh and bench.sh.

# port_taken HOST PORT
port_taken() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# port_demand VARIABLE ADDRESS: the address must be host:port, and nobody may listen there.
port_demand() {
    [[ $2 =~ ^.+:[0-9]+$ ]] || die "$1 must be host:port, not '$2'"
    if port_taken "$(host_of "$2")" "${2##*:}"; then
        die "port ${2##*:} is taken by another program. Choose another one: $1=$(port_example "$1" "$2") make run"
    fi
}

port_example() {
    local next=$((${2##*:} + 10))
    if [[ $1 == UCRM_PGPORT ]]; then
        printf %s "$next"
    else
        printf %s "${2%:*}:$next"
    fi
}

# A free port below the range that the kernel gives to outgoing connections.
port_free() {
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        port_taken 127.0.0.1 "$port" || break
    done
    printf %s "$port"
}
