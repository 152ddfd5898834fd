# shellcheck shell=bash
# Owns what a person sees: one line a step, its elapsed time, and the end of the log when it fails.
# Must never print a secret.
# Sourced by every other script here.

say() { printf '%s\n' "$*"; }
line() { printf '%-12s %s\n' "$1" "$2"; }
warn() { printf 'make: %s\n' "$*" >&2; }

die() {
    printf '\n' >&2
    warn "$*"
    exit 1
}

# A person is watching: one live line instead of many.
watched() { [[ -t 1 && ${TERM:-dumb} != dumb && -z ${CI:-} ]]; }

clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# What a log is about: its last line that begins with a word, short enough for one line.
last_words() {
    tail -c 4000 "$1" 2>/dev/null | sed -n 's/^ *\([[:alpha:]][[:alnum:]]* [[:alnum:]].*\)/\1/p' | tail -n 1 | cut -c "1-${2:-60}"
}

show_log() {
    [[ -s $1 ]] || return 0
    printf -- '--- the end of %s\n' "$1" >&2
    tail -n "${2:-30}" "$1" >&2
    printf -- '---\n' >&2
}

# step NAME LOG COMMAND…: runs a program in its own process group, so that a signal
# to this script stops all of it. Appends its output to LOG; returns its status.
STEP=
step() {
    local name=$1 log=$2 begin=$SECONDS beat=$((SECONDS + 15)) status=0 ended='' nap
    shift 2
    watched || line "$name" "..."
    setsid "$@" >>"$log" 2>&1 </dev/null 9>&- &
    STEP=$!
    while :; do
        sleep 1 9>&- &
        nap=$!
        status=0
        wait -n -p ended "$STEP" "$nap" || status=$?
        [[ $ended == "$STEP" ]] && break
        if watched; then
            printf '\r\033[K%-12s %s  %s' "$name" "$(clock $((SECONDS - begin)))" "$(last_words "$log")"
        elif ((SECONDS >= beat)); then
            beat=$((SECONDS + 15))
            line "$name" "$(clock $((SECONDS - begin)))  $(last_words "$log" 90)"
        fi
    done
    STEP=
    if watched; then printf '\r\033[K'; fi
    if ((status == 0)); then
        line "$name" "done in $(clock $((SECONDS - begin)))"
    else
        line "$name" "failed after $(clock $((SECONDS - begin)))"
    fi
    return "$status"
}

# Ends a step that a signal interrupted.
step_cancel() {
    [[ -n $STEP ]] || return 0
    kill -TERM -- "-$STEP" 2>/dev/null || true
    wait "$STEP" 2>/dev/null || true
    STEP=
}
