#!/usr/bin/env bash
# Owns `make bench`: a stage with the measurement's own settings, and what runs on it.
# Must never measure a server that something else uses.
# Called by the Makefile.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
for part in say place packages tools ports build cluster database gateway stage; do
    # shellcheck disable=SC1090
    source "$here/$part.sh"
done

state_make
lock bench
close() {
    local status=$?
    set +e
    trap '' INT TERM HUP PIPE
    trap - EXIT
    stage_close || status=1
    exit "$status"
}
trap close EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

packages "${PACKAGES_RUN[@]}" "${PACKAGES_BENCH[@]}"
tools
build || exit 1
step build "$STATE/log/example.log" env CARGO_TERM_COLOR=never cargo build --release -p ucrm-gateway --example argon2_loop || exit 1
export ARGON2_LOOP=$TARGET/release/examples/argon2_loop
stage_open bench "$(cat tests/bench/postgresql.conf 2>/dev/null)" || exit 1
bash tests/bench/run.sh 9>&-
