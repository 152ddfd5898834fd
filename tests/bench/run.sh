#!/usr/bin/env bash
# Owns the measurement: the order of what is compared, each pair in turn and in one run, on one database.
# Must never measure a refusal, nor touch a server that holds anything else: it fills the database and bends its tables.
# Called by .make/bench.sh, with the environment of .make/stage.sh.
# BENCH_TENANTS (1000) × BENCH_ROWS (1000) contacts, BENCH_MORE_TENANTS (10000), BENCH_CLIENTS (8), BENCH_ROUNDS (5) of BENCH_SECONDS (3).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tests/bench/measure.sh
source "$here/measure.sh"
measure_open

tenants=${BENCH_TENANTS:-1000}
more=${BENCH_MORE_TENANTS:-10000}
each=${BENCH_ROWS:-1000}
rounds=${BENCH_ROUNDS:-5}

say "$tenants tenants with $each contacts each"
admin -q -v from=1 -v to="$tenants" -v each="$each" -f "$here/tenants.sql"
{
    printf "\\set reader_password '%s'\n" "$(password bench_reader)"
    printf '\\i %q\n' "$here/scene.sql"
} | admin -q -v tenants="$tenants"

# Each group's variants take turns; the first round, which fills memories and plans, is thrown away.
compare "list of 20" handle_list bare_list bare_list_json http_list
compare "get by id" handle_get bare_get bare_get_json
for query in list count monthly; do
    compare "bound reader: $query" "reader_$query" "bare_reader_$query"
done

sign_in_open
compare "signing in" http_sign_in bare_argon2
compare "requests beside sign-ins" http_list_beside http_list_alone

say "single calls"
for ((round = 1; round <= rounds; round++)); do
    admin -q -A -t -F $'\t' -v tenants="$tenants" -v calls=1000000 -f "$here/loops.sql" | samples "$round"
done

compare "create" handle_create bare_create
admin -q -f "$here/quiet.sql"
compare "insert of one row" audited_insert unaudited_insert

say "changes of 20,000 rows"
block=0
for ((round = 1; round <= 3 && block * 60 + 120 <= tenants; round++, block += 2)); do
    for order in off on; do
        for relation in audited:crm.contacts unaudited:bench.contacts; do
            admin -q -A -t -F $'\t' -v block="$((block + (${#order} == 2)))" -v one_first="$order" -v relation="${relation#*:}" \
                -f "$here/bulk.sql" | sed "s/^/${relation%%:*}_/" | samples "$round"
        done
    done
done

say "the gateway's memory"
gateway_memory | samples 1

say "$more tenants"
admin -q -c 'drop schema bench cascade' -c 'vacuum crm.contacts, ucrm.audit_logs, ucrm.events'
admin -q -v from="$((tenants + 1))" -v to="$more" -v each="$((each / 10))" -f "$here/tenants.sql"
admin -q -c 'vacuum (analyze)' -c checkpoint
each_once "$more"
# Connections begin with empty page tables: long turns, so that what many tenants' pages cost to map is not taken for more.
rounds=3 seconds=$((seconds * 4)) compare "cost per request" cost_few cost_many cost_most bare_cost_few bare_cost_most

report
