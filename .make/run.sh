#!/usr/bin/env bash
# Owns `make run`: from a clone to a running server, database and gateway, and back down in order.
# Must never leave a process behind, or touch the data of an installation that is finished.
# Called by the Makefile.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
for part in say place packages tools ports build cluster database gateway hello; do
    # shellcheck disable=SC1090
    source "$here/$part.sh"
done

PGPORT_=${UCRM_PGPORT:-54329}
LISTEN=${UCRM_LISTEN:-127.0.0.1:8080}
ADMIN_LISTEN=${UCRM_ADMIN_LISTEN:-127.0.0.1:8081}
if [[ ! $PGPORT_ =~ ^[0-9]{1,5}$ ]] || ((PGPORT_ < 1 || PGPORT_ > 65535)); then
    die "UCRM_PGPORT must be a port number, not '$PGPORT_'"
fi

state_make
lock run
AT=$STATE/main
LOG=$STATE/log/database.log
serving=

close() {
    local status=$?
    set +e
    trap '' INT TERM HUP PIPE
    trap - EXIT
    step_cancel
    if [[ -n $serving ]]; then say "Stopping."; fi
    gateway_stop "$AT" || status=1
    cluster_stop "$AT" || status=1
    if [[ -n $serving && $status == 0 ]]; then say "Stopped."; fi
    exit "$status"
}
# Asked to stop while it serves, it has done its job: 0.
asked() {
    [[ -z $serving ]] || exit 0
    exit "$1"
}
trap close EXIT
trap 'asked 130' INT
trap 'asked 143' TERM
trap 'asked 129' HUP

# What a killed make run left behind.
gateway_stop "$AT"
cluster_stop "$AT"

if [[ $PGPORT_ == "${LISTEN##*:}" || $PGPORT_ == "${ADMIN_LISTEN##*:}" || ${LISTEN##*:} == "${ADMIN_LISTEN##*:}" ]]; then
    die "UCRM_PGPORT, UCRM_LISTEN and UCRM_ADMIN_LISTEN must have different ports"
fi
port_demand UCRM_PGPORT "127.0.0.1:$PGPORT_"
port_demand UCRM_LISTEN "$LISTEN"
port_demand UCRM_ADMIN_LISTEN "$ADMIN_LISTEN"

packages "${PACKAGES_RUN[@]}"
tools
build || exit 1

begin=$SECONDS
if [[ -e $AT/data/PG_VERSION && ! -e $AT/ready ]]; then
    line cluster "an earlier start did not finish: beginning anew"
    rm -rf "$AT/data"
fi
cluster_make "$AT" "$PACKAGE" "$PGPORT_"
build_done
: >"$LOG"
cluster_start "$AT" || die "the server did not start; its logs are in $AT/log"
line cluster "PostgreSQL on 127.0.0.1:$PGPORT_"
if [[ -e $AT/ready ]]; then
    database_upgrade "$AT" "$LOG" || {
        show_log "$LOG"
        die "the database could not be brought up to date; 'make clean' starts anew"
    }
else
    database_make "$AT" "$LOG" || {
        show_log "$LOG"
        die "the database could not be made"
    }
fi
line database "done in $(clock $((SECONDS - begin)))"

scheme=http
[[ -z ${UCRM_TLS_CERT_FILE:-} ]] || scheme=https
URL=$scheme://$(host_of "$LISTEN"):${LISTEN##*:}
ADMIN_URL=http://$(host_of "$ADMIN_LISTEN"):${ADMIN_LISTEN##*:}
(umask 077 && database_env "$AT" "$URL" "$ADMIN_URL" >"$STATE/demo.env")

gateway_make "$AT" "$PACKAGE"
gateway_start "$AT" "$LISTEN" "$ADMIN_LISTEN"
gateway_wait "$ADMIN_LISTEN" || {
    show_log "$AT/gateway.log"
    die "the gateway did not become ready; its log is $AT/gateway.log"
}
line gateway "$URL"

hello
SERVER=$(cluster_pid "$AT")
serving=1
while :; do
    sleep 1 9>&- &
    gone=
    # bash would report a killed gateway itself.
    { wait -n -p gone "$GATEWAY" $! || true; } 2>/dev/null
    if [[ $gone == "$GATEWAY" ]]; then
        serving=
        show_log "$AT/gateway.log" 20
        die "the gateway ended by itself; its log is $AT/gateway.log"
    fi
    if ! kill -0 "$SERVER" 2>/dev/null; then
        serving=
        cluster_last_words "$AT"
        die "the server ended by itself; its logs are in $AT/log"
    fi
done
