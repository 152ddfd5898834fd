#!/usr/bin/env bash
# Owns `make test`: every step, whatever failed before it, and the count at the end.
# Must never meet a running make run, or leave a process behind.
# Called by the Makefile and through it by .ci/run. Arguments, or STEPS, choose steps; those joined by + go on at once.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
for part in say place packages tools ports build cluster database gateway stage clients suite; do
    # shellcheck disable=SC1090
    source "$here/$part.sh"
done

read -ra steps <<<"${*:-${STEPS:-format shell build database clippy+unit+pgtap race http clients journey schema+ledger install+restore+decode}}"
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
    together_cancel
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
# group STEP[+STEP…]: sets GROUP.
group() {
    local name
    IFS=+ read -ra GROUP <<<"$1"
    for name in "${GROUP[@]}"; do
        declare -F "suite_$name" >/dev/null || die "there is no step '$name'"
    done
}
for running in "${steps[@]}"; do group "$running"; done
for running in "${steps[@]}"; do
    group "$running"
    if ((${#GROUP[@]} > 1)); then together "${GROUP[@]}"; else "suite_$running"; fi
done
running=
