# shellcheck shell=bash
# Owns how one thing is measured: programs, logins, samples, and the report made of them.
# Must never put a password into an argument, nor average away what was refused.
# Sourced by run.sh.

clients=${BENCH_CLIENTS:-8}
seconds=${BENCH_SECONDS:-3}
PGBENCH=$(dirname "$(readlink -f /usr/lib/postgresql/15/bin/pgbench)")/pgbench

say() { printf '%-12s %s\n' bench "$*"; }
die() {
    printf 'bench: %s\n' "$*" >&2
    exit 1
}

# measure_open NAME: of the report. Logins come with their passwords from a file, as libpq reads it.
measure_open() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    to=${BENCH_REPORT:-$root/target/bench}
    mkdir -p "$to"
    SAMPLES=$to/$1.tsv
    : >"$SAMPLES"
    export PGHOST=$UCRM_PGHOST PGPORT=$UCRM_PGPORT PGDATABASE=$UCRM_PGDATABASE PGPASSFILE=$work/passwords
    export PGOPTIONS='-c client_min_messages=warning'
    local url
    url=$(cat "$UCRM_TEST_DATABASE_URL_FILE" 2>/dev/null || sudo -n cat "$UCRM_TEST_DATABASE_URL_FILE")
    url=${url#*://ucrm_gateway:}
    (
        umask 077
        printf '*:*:*:%s:%s\n' "$ADMIN_LOGIN" "$ADMIN_LOGIN_PASSWORD" ucrm_gateway "${url%%@*}" \
            bench_reader "$(od -An -N 24 -tx1 /dev/urandom | tr -d ' \n')" >"$PGPASSFILE"
    )
}

password() { sed -n "s/^\*:\*:\*:$1://p" "$PGPASSFILE"; }

admin() { psql -X -v ON_ERROR_STOP=1 -U "$ADMIN_LOGIN" "$@"; }

# only GROUP: whether it is to be measured.
only() { [[ -z ${BENCH_ONLY:-} || " $BENCH_ONLY " == *" $1 "* ]]; }

# load FROM TO EACH: tenants with so many contacts. Their search index is made anew afterwards, which is quicker.
load() {
    admin -q -c 'drop index if exists crm.contacts_search'
    admin -q -v from="$1" -v to="$2" -v each="$3" -f "$here/tenants.sql"
}
index_search() { admin -q -c "select ucrm.index_search('crm.contacts')" >/dev/null; }

# samples ROUND: lines of name, tab, number.
samples() {
    local name value
    while IFS=$'\t' read -r name value; do
        printf '%s\t%s\t%s\n' "$name" "$1" "$value" >>"$SAMPLES"
    done
}

# per_second LOGIN SCRIPT [TENANTS]: transactions a second, by all clients with prepared statements.
per_second() {
    "$PGBENCH" -n -M prepared -c "$clients" -j 2 -T "$seconds" -U "$1" -D tenants="${3:-$tenants}" -D each="$each" \
        -D large="$large" -D rows="$large_rows" -D cursor="${cursor:--}" -f "$here/pgbench/$2.sql" >"$work/out" 2>&1 || {
        tail -n 5 "$work/out" >&2
        die "$2 failed"
    }
    awk '/^tps = / && $3 > 0 { print $3; found = 1 } END { exit !found }' "$work/out" || die "$2: none in $seconds s"
}

# over_http SCRIPT: requests a second.
over_http() {
    wrk -t 2 -c "$clients" -d "${seconds}s" -s "$here/$1.lua" "$UCRM_URL" -- "$tenants" >"$work/out" 2>&1 || true
    awk '/^requests [0-9]+ in/ { print $2 * 1e6 / $4; found = 1 } END { exit !found }' "$work/out" || {
        tail -n 8 "$work/out" >&2
        die "requests over HTTP failed"
    }
}

# Lists while others sign in as fast as they can.
beside_sign_ins() {
    local others
    # Passwords yield to requests: a sign-in may wait for longer than wrk does by itself.
    wrk -t 1 -c "$clients" -d "$((seconds + 1))s" --timeout 20s -s "$here/sign_in.lua" "$UCRM_URL" >"$work/beside" 2>&1 &
    others=$!
    over_http keys
    wait "$others" || true
    grep -q '^requests' "$work/beside" || die "sign-ins beside requests failed"
}

# People who can sign in, as often as they like.
sign_in_open() {
    {
        printf "\\set password '%s'\n" "$("$UCRM_TEST_GATEWAY_BIN" --hash-password <<<'bench password of ours')"
        cat <<'END'
select ucrm.set_password(id, :'password') from ucrm.users where email ~ '^owner-[0-9]{1,2}@bench|^owner-100@bench' \g /dev/null
insert into ucrm.rate_limits (name, plan, hits, seconds) values ('address', null, 2000000000, 60), ('login', null, 2000000000, 60);
END
    } | admin -q
}

# cost LOGIN SCRIPT TENANTS: microseconds of the machine for a request of any of so many tenants.
cost() { per_second "$1" "$2" "$3" | awk '{ print 1e6 / $1 }'; }

# each_once TENANTS: a request for each.
each_once() {
    "$PGBENCH" -n -M prepared -c "$clients" -j 2 -t "$(($1 / clients + 1))" -U ucrm_gateway -D tenants="$1" -D i=0 -D clients="$clients" \
        -f "$here/pgbench/handle_each.sql" >"$work/out" 2>&1 || die "a request of each tenant: $(tail -n 1 "$work/out")"
}

# measure VARIANT: its number.
measure() {
    case $1 in
        cursor_first | cursor_deep) cost ucrm_gateway "handle_$1" "$tenants" ;;
        cost_few) cost ucrm_gateway handle_list 10 ;;
        cost_many) cost ucrm_gateway handle_list "$tenants" ;;
        cost_most) cost ucrm_gateway handle_list "$more" ;;
        bare_cost_few) cost "$ADMIN_LOGIN" bare_list 10 ;;
        bare_cost_most) cost "$ADMIN_LOGIN" bare_list "$more" ;;
        handle_*) per_second ucrm_gateway "$1" ;;
        reader_*) per_second bench_reader "$1" ;;
        http_export | copy_*) carry "$1" ;;
        http_list | http_list_alone) over_http keys ;;
        http_sign_in) over_http sign_in ;;
        supa_insert) by_supa per_second "$ADMIN_LOGIN" unaudited_insert ;;
        audited_hundred) bulk_insert crm.contacts ;;
        unaudited_hundred) bulk_insert bench.contacts ;;
        supa_hundred) by_supa bulk_insert bench.contacts ;;
        among_few) audited_among audit_few ;;
        among_many) audited_among audit_many ;;
        sealed_insert) beside_sealing 1 ;;
        unsealed_insert) beside_sealing 86400 ;;
        webhook_one) deliveries 1 ;;
        webhook_ten) deliveries 10 ;;
        bare_argon2) "$ARGON2_LOOP" "$seconds" ;;
        http_list_beside) beside_sign_ins ;;
        *) per_second "$ADMIN_LOGIN" "$1" ;;
    esac
}

# compare TITLE VARIANT…: in turn, round after round. The first, shorter, fills memories and plans and is thrown away.
# What cannot be measured leaves its place in the report empty, and the rest goes on.
failed=0
compare() {
    local round variant value whole=$seconds
    local seconds=$(((whole + 1) / 2))
    say "$1"
    shift
    for ((round = 0; round <= rounds; round++)); do
        for variant in "$@"; do
            if ! value=$(measure "$variant") && ((round)); then
                failed=1
                return 0
            fi
            ((round == 0)) || printf '%s\t%s\n' "$variant" "$value" | samples "$round"
        done
        seconds=$whole
    done
}

# gateway_memory NAME COMMAND…: the gateway's largest resident size in MiB while the command runs.
gateway_memory() {
    local pid=$UCRM_TEST_GATEWAY_PID size largest=0 load
    [[ $(cat "/proc/$pid/comm") == ucrm-gateway* ]] || die "process $pid is not the gateway"
    "${@:2}" >"$work/load" 2>&1 &
    load=$!
    while kill -0 "$load" 2>/dev/null; do
        size=$(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status")
        ((size <= largest)) || largest=$size
        sleep 0.05
    done
    wait "$load" || die "$1: $(tail -n 1 "$work/load")"
    printf '%s\t%s\n' "$1" "$(awk -v k="$largest" 'BEGIN { print k / 1024 }')"
}

# Lists over 256 connections.
many_connections() {
    wrk -t 2 -c 256 -d 5s -s "$here/keys.lua" "$UCRM_URL" -- "$tenants" | grep '^requests'
}

# report NAME WANTED NOTES PLOT: NAME.md and PLOT.svg of what was sampled, and report.md of all there are. Its first words come in.
report() {
    awk -f "$here/report.awk" "$2" "$SAMPLES" >"$work/all.tsv"
    # Groups that were not asked for are no gap.
    awk -F '\t' -v asked="${BENCH_ONLY:-}" 'asked == "" || $7 != "not measured"' "$work/all.tsv" >"$work/rows.tsv"
    awk -F '\t' -f "$here/plot.awk" "$work/rows.tsv" >"$to/$4.svg"
    {
        cat
        printf '\n'
        awk -F '\t' -f "$here/table.awk" "$work/rows.tsv"
        printf '\n![Every measurement against what is wanted](%s.svg)\n\n' "$4"
        cat "$3"
    } >"$to/$1.md"
    sed -n '/^|/p' "$to/$1.md"
    for part in speed peers; do
        [[ ! -e $to/$part.md ]] || { [[ $part == speed ]] || printf '\n'; cat "$to/$part.md"; }
    done >"$to/report.md"
    say "$to/report.md and $4.svg"
    ((failed == 0)) || die "not everything could be measured"
}

# machine: PostgreSQL's version and what it runs on.
machine() {
    printf 'PostgreSQL %s, %s cores (%s), clients on the same machine' "$(admin -A -t -c 'show server_version' | cut -d ' ' -f 1)" \
        "$(nproc)" "$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)"
}
