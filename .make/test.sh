#!/usr/bin/env bash
# Owns `make test`: every step, whatever failed before it, and the count at the end.
# Must never meet a running make run, or leave a process behind.
# Called by the Makefile and through it by .ci/run. Arguments, or STEPS, choose steps.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
for part in say place packages tools ports build cluster database gateway stage clients suite; do
    # shellcheck disable=SC1090
    source "$here/$part.sh"
done

read -ra steps <<<"${*:-${STEPS:-format shell build clippy unit database pgtap race http clients journey schema install restore decode ledger}}"
# What was set for make run is not for the tests.
for name in "${!UCRM_@}"; do
    [[ $name == UCRM_TOOLS ]] || unset "$name"
done

state_make
lock test
LOG=$STATE/log/test
mkdir -p "$LOG"
running=setup

close() {
    local status=$?
    set +e
    trap '' INT TERM HUP PIPE
    trap - EXIT
    step_cancel
    [[ -z $running ]] || count "$running" 0 1
    stage_close || status=1
    report || status=1
    exit "$status"
}
trap close EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

packages "${PACKAGES_RUN[@]}" "${PACKAGES_TEST[@]}"
tools
tools_lint
for running in "${steps[@]}"; do
    case $running in
        format | shell | build | clippy | unit | database | pgtap | race | http | clients | schema | journey | install | restore | decode | ledger) "suite_$running" ;;
        *) die "there is no step '$running'" ;;
    esac
done
running=
