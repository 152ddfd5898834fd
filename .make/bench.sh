#!/usr/bin/env bash
# Owns `make bench` and `make bench-peers`: a stage with the measurement's own settings, and what runs on it.
# Must never measure a server that something else uses.
# Called by the Makefile, with `peers` for the second.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
for part in say place packages tools ports build cluster database gateway stage peers; do
    # shellcheck disable=SC1090
    source "$here/$part.sh"
done
name=bench${1:+-$1}

state_make
lock "$name"
close() {
    local status=$?
    set +e
    trap '' INT TERM HUP PIPE
    trap - EXIT
    step_cancel
    stage_close || status=1
    exit "$status"
}
trap close EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

packages "${PACKAGES_RUN[@]}" "${PACKAGES_BENCH[@]}"
tools
if [[ $name == bench-peers ]]; then
    peers_make || {
        show_log "$STATE/log/peers.log"
        die "the peers could not be made; the whole log is $STATE/log/peers.log"
    }
fi
build || exit 1
if [[ $name == bench ]]; then
    step build "$STATE/log/example.log" env CARGO_TERM_COLOR=never cargo build --release -p ucrm-gateway --example argon2_loop --example webhook_sink || exit 1
    export ARGON2_LOOP=$TARGET/release/examples/argon2_loop WEBHOOK_SINK=$TARGET/release/examples/webhook_sink
    # The receiver that deliveries are measured with is on this machine.
    export UCRM_WEBHOOK_NETWORKS=127.0.0.1
fi
stage_open "$name" "$(cat tests/bench/postgresql.conf)" || exit 1
bash "tests/bench/${1:+$1/}run.sh" 9>&-
