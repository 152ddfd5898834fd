# shellcheck shell=bash
# Owns the steps of the suite: how each is run and how its tests are counted.
# Must never let one step's failure keep another from running; an empty folder of tests is a failure.
# Sourced by test.sh.

declare -A PASSED=() FAILED=()
ORDER=()

# count STEP PASSED FAILED
count() {
    ORDER+=("$1")
    PASSED[$1]=$2
    FAILED[$1]=$3
}

# settle STEP STATUS PASSED FAILED LOG [PATTERN]: a failed program without a failed test is one failure;
# so is a step that found no test. Shows what matters of the log.
settle() {
    local failed=$4
    if ((failed == 0 && ($2 != 0 || $3 == 0))); then failed=1; fi
    count "$1" "$3" "$failed"
    ((failed)) || return 0
    if [[ -n ${6:-} ]]; then
        grep -E -A 4 -- "$6" "$5" | head -n 60 >&2 || true
    else
        show_log "$5" 40
    fi
    warn "$1: the whole log is $5"
}

report() {
    local name passed=0 failed=0
    printf '\n%-12s %8s %8s\n' step passed failed
    for name in "${ORDER[@]}"; do
        printf '%-12s %8d %8d\n' "$name" "${PASSED[$name]}" "${FAILED[$name]}"
        passed=$((passed + PASSED[$name]))
        failed=$((failed + FAILED[$name]))
    done
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0 && passed > 0))
}

# together STEP…: at once. What each has found comes back by a file; one that left none has failed.
TOGETHER=()
together() {
    local name passed failed
    for name in "$@"; do
        rm -f "$LOG/$name.count"
        together_one "$name" &
        TOGETHER+=("$!")
    done
    wait "${TOGETHER[@]}" || true
    TOGETHER=()
    for name in "$@"; do
        passed=0 failed=1
        read -r passed failed <"$LOG/$name.count" || true
        count "$name" "$passed" "$failed"
    done
}

together_one() {
    trap - EXIT
    trap 'step_cancel; exit 143' INT TERM HUP
    "suite_$1"
    printf '%d %d\n' "${PASSED[$1]}" "${FAILED[$1]}" >"$LOG/$1.count"
}

together_cancel() {
    ((${#TOGETHER[@]})) || return 0
    kill "${TOGETHER[@]}" 2>/dev/null || true
    wait "${TOGETHER[@]}" 2>/dev/null || true
    TOGETHER=()
}

# one STEP COMMAND…: a step that is one check.
one() {
    local status=0 log=$LOG/$1.log
    : >"$log"
    step "$1" "$log" "${@:2}" || status=$?
    settle "$1" "$status" $((status == 0)) $((status != 0)) "$log"
}

suite_format() { one format cargo fmt --all --check; }

# In the release profile, so that build scripts and macros are not compiled once more.
suite_clippy() {
    one clippy env CARGO_TERM_COLOR=never \
        cargo clippy --release --workspace --all-targets -- -D warnings
}

# Each script is one test.
suite_shell() {
    local file passed=0 failed=0 log=$LOG/shell.log
    : >"$log"
    for file in .ci/run .make/*.sh $(find tests -name '*.sh'); do
        if bash -n "$file" >>"$log" 2>&1 \
            && { ! command -v shellcheck >/dev/null || shellcheck -x "$file" >>"$log" 2>&1; }; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
    done
    line shell "$((passed + failed)) scripts"
    settle shell 0 "$passed" "$failed" "$log"
}

suite_build() {
    if build; then count build 1 0; else count build 0 1; fi
}

# rust_tests STEP ARGUMENTS…: cargo test, counted by its result lines.
rust_tests() {
    local status=0 log=$LOG/$1.log
    : >"$log"
    step "$1" "$log" env CARGO_TERM_COLOR=never cargo test --release --no-fail-fast "${@:2}" || status=$?
    settle "$1" "$status" "$(awk '/^test result:/ { n += $4 } END { print n + 0 }' "$log")" \
        "$(awk '/^test result:/ { n += $6 } END { print n + 0 }' "$log")" "$log" '^error|panicked at|^test .* FAILED|^---- '
}

suite_unit() { rust_tests unit --workspace --exclude ucrm-http-tests; }

suite_database() {
    if [[ -d $PACKAGE ]] && stage_open test; then count database 1 0; else count database 0 1; fi
}

# staged STEP: whether the step has a server to run against.
staged() {
    [[ ${PASSED[database]:-0} == 1 ]] && return 0
    line "$1" "not run: there is no server"
    count "$1" 0 1
    return 1
}

# pgTAP lives in a schema of its own and leaves again: the demo database stays as it was installed.
suite_pgtap() {
    staged pgtap || return 0
    local status=0 log=$LOG/pgtap.log files failed
    : >"$log"
    mapfile -t files < <(find tests/db -name '*.sql' 2>/dev/null | sort)
    if ((${#files[@]})); then
        cluster_psql "$STAGE" -q -d "$DATABASE" >>"$log" 2>&1 <<'END' || status=$?
create schema tap;
create extension pgtap schema tap;
grant usage on schema tap to public;
END
        step pgtap "$log" env "PGHOST=$UCRM_TEST_PGSOCKET" "PGPORT=$UCRM_PGPORT" PGUSER=postgres "PGDATABASE=$DATABASE" \
            PGOPTIONS='-c search_path=public,tap' pg_prove --verbose --psql-bin "$UCRM_TEST_PGBIN/psql" "${files[@]}" || status=$?
        cluster_psql "$STAGE" -q -d "$DATABASE" -c 'drop extension pgtap' -c 'drop schema tap' >>"$log" 2>&1 || status=$?
    fi
    # A file that broke off is one failure more.
    failed=$(grep -E '^not ok |^  Parse errors: ' "$log" | grep -vcE '# (TODO|todo)' || true)
    settle pgtap "$status" "$(grep -cE '^ok ' "$log")" "$failed" "$log" '^not ok |^psql:|ERROR:|Dubious|Bad plan'
}

suite_race() {
    staged race || return 0
    local status=0 log=$LOG/race.log specs
    : >"$log"
    mapfile -t specs < <(find tests/race/specs -name '*.spec' -printf '%f\n' 2>/dev/null | sed 's/\.spec$//' | sort)
    rm -rf "$LOG/race"
    mkdir -p "$LOG/race"
    if ((${#specs[@]})); then
        step race "$log" /usr/lib/postgresql/15/lib/pgxs/src/test/isolation/pg_isolation_regress --use-existing \
            --bindir="$UCRM_TEST_PGBIN" --inputdir=tests/race --outputdir="$LOG/race" \
            --host="$UCRM_TEST_PGSOCKET" --port="$UCRM_PGPORT" --user=postgres --dbname="$DATABASE" "${specs[@]}" || status=$?
        cat "$LOG/race/regression.diffs" >>"$log" 2>/dev/null || true
    fi
    settle race "$status" "$(grep -cE '^test .* ok +[0-9]+ ms' "$log")" "$(grep -cE '^test .* FAILED' "$log")" "$log"
}

suite_http() {
    staged http || return 0
    rust_tests http -p ucrm-http-tests
}

# script_tests STEP: tests/STEP/run.sh, which says `ok …` or `not ok …` for each thing it checks.
script_tests() {
    staged "$1" || return 0
    local status=0 log=$LOG/$1.log
    : >"$log"
    step "$1" "$log" bash "tests/$1/run.sh" || status=$?
    settle "$1" "$status" "$(grep -cE '^ok ' "$log")" "$(grep -cE '^not ok ' "$log")" "$log"
}

suite_install() { script_tests install; }

suite_restore() { script_tests restore; }

suite_decode() { script_tests decode; }

suite_ledger() { script_tests ledger; }

# Clients that nobody here wrote, as they are published.
suite_clients() {
    local log=$LOG/clients.log
    : >"$log"
    if clients_make "$log"; then
        export CLIENTS
        script_tests clients
    else
        settle clients 1 0 0 "$log"
    fi
}

suite_journey() { script_tests journey; }

suite_schema() { script_tests schema; }
