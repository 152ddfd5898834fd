#!/usr/bin/env bash
# Owns the proof that no write is lost, doubled or halved: clients write while backends, gateway and server are killed
# with -9 at random, for LEDGER_SECONDS (30); then the books are compared. LEDGER_SEED repeats the order of the killing.
# Must never signal a process that is not of its own server or gateway.
# Called by .make/suite.sh, with the environment of .make/stage.sh.
# Functions that trap and names call look unreachable.
# shellcheck disable=SC2317
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.." || exit
for part in say place ports cluster database gateway; do
    # shellcheck disable=SC1090
    source ".make/$part.sh"
done
state_make
AT=$STATE/ledger
LOGS=$STATE/log/ledger-servers
PACKAGE=$UCRM_TEST_PACKAGE
WORK=$(mktemp -d)
SEED=${LEDGER_SEED:-$RANDOM}
BOOKS=

sweep() {
    [[ -d $AT ]] || return 0
    gateway_stop "$AT"
    cluster_stop "$AT" immediate
    cluster_remove "$AT"
}
close() {
    [[ -z $BOOKS ]] || kill "$BOOKS" 2>/dev/null
    keep
    sweep
    rm -rf "$WORK"
}
trap close EXIT
trap 'exit 130' INT TERM HUP
# What an interrupted run left.
sweep

# The logs outlive the run.
keep() {
    rm -rf "$LOGS"
    mkdir "$LOGS"
    cp "$AT"/log/* "$AT"/gateway.log "$AT"/gateway.all "$LOGS/" 2>/dev/null
}

serve() {
    local tries
    for tries in 1 2 3 4 5; do
        # Each start begins a new log.
        cat "$AT/gateway.log" >>"$AT/gateway.all" 2>/dev/null
        gateway_start "$AT" "$LISTEN" "$ADMIN"
        if gateway_wait "$ADMIN"; then return 0; fi
        gateway_stop "$AT"
    done
    printf 'not ok - a gateway starts again, at the %sth try\n' "$tries"
    exit 1
}

kill_backend() {
    local server children victim
    server=$(cluster_pid "$AT") || return
    read -ra children <"/proc/$server/task/$server/children"
    ((${#children[@]})) || return
    victim=${children[RANDOM % ${#children[@]}]}
    # Without this one the server gives up by itself, and the operator has to start it.
    [[ $(tr '\0' ' ' <"/proc/$victim/cmdline") != *startup* ]] || return
    kill -KILL "$victim"
}

kill_gateway() {
    kill -KILL "$GATEWAY" 2>/dev/null
    wait "$GATEWAY" 2>/dev/null
    serve
}

kill_server() {
    local server children
    server=$(cluster_pid "$AT") || return
    read -ra children <"/proc/$server/task/$server/children"
    kill -KILL "$server" "${children[@]}" 2>/dev/null
    cluster_start "$AT" || {
        printf 'not ok - the server starts again\n'
        exit 1
    }
}

cluster_make "$AT" "$PACKAGE" "$(port_free)"
if ! cluster_start "$AT" || ! UCRM_DEMO=1 database_make "$AT" "$WORK/made"; then
    show_log "$WORK/made"
    exit 1
fi
LISTEN=127.0.0.1:$(port_free)
ADMIN=127.0.0.1:$(port_free)
gateway_make "$AT" "$PACKAGE"
# The receiver of webhooks is here.
export UCRM_WEBHOOK_NETWORKS=127.0.0.0/8
serve
(umask 077 && database_env "$AT" "http://$LISTEN" "http://$ADMIN" >"$WORK/env")

(
    set -a
    # shellcheck disable=SC1091
    source "$WORK/env"
    LEDGER_BEGUN=$WORK/begun
    LEDGER_OVER=$WORK/over
    LEDGER_KILLED=$WORK/killed
    LEDGER_PGBIN=$(prefix_bin "$AT/prefix")
    LEDGER_SOCKET=$(cluster_socket "$AT")
    LEDGER_AT=$AT
    exec python3 -B "$here/books.py"
) &
BOOKS=$!

while [[ ! -e $WORK/begun ]] && kill -0 "$BOOKS" 2>/dev/null; do
    sleep 0.1
done
RANDOM=$SEED
printf 'seed %s\n' "$SEED"
begin=$SECONDS
turn=0
declare -A killed=([backend]=0 [gateway]=0 [server]=0)
# One of each first, so that a short run has seen them all.
while ((SECONDS - begin < ${LEDGER_SECONDS:-30})) && kill -0 "$BOOKS" 2>/dev/null; do
    sleep "$((RANDOM % 2)).$((RANDOM % 9 + 1))"
    case $((turn < 3 ? turn : RANDOM % 6)) in
        0 | 3 | 4) victim=backend ;;
        1 | 5) victim=gateway ;;
        2) victim=server ;;
    esac
    if "kill_$victim" 2>/dev/null; then killed[$victim]=$((${killed[$victim]} + 1)); fi
    turn=$((turn + 1))
done
printf 'killed: %s backends, %s gateways, %s servers\n' "${killed[backend]}" "${killed[gateway]}" "${killed[server]}"
gateway_wait "$ADMIN" || serve
printf '%s\n' "${killed[@]}" >"$WORK/killed"
# The writers end, the pollers catch up, the books are compared.
: >"$WORK/over"

status=0
wait "$BOOKS" || status=$?
BOOKS=
exit "$status"
