#!/usr/bin/env bash
# Owns the measurement: the order of what is compared, each pair in turn and in one run, on one database.
# Must never measure a refusal, nor touch a server that holds anything else: it fills the database and bends its tables.
# Called by .make/bench.sh, with the environment of .make/stage.sh.
# BENCH_TENANTS (1000) × BENCH_ROWS (1000) contacts, BENCH_LARGE (1000000) of one tenant more, BENCH_MORE_TENANTS (10000), BENCH_AUDIT (10000000) audit rows,
# BENCH_CLIENTS (8), BENCH_ROUNDS (4) of BENCH_SECONDS (2), BENCH_ONLY (groups by name; all of them).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tests/bench/measure.sh
source "$here/measure.sh"
# shellcheck source=tests/bench/large.sh
source "$here/large.sh"
# shellcheck source=tests/bench/audit.sh
source "$here/audit.sh"
# shellcheck source=tests/bench/seal.sh
source "$here/seal.sh"
# shellcheck source=tests/bench/supa.sh
source "$here/supa.sh"
# shellcheck source=tests/bench/webhook.sh
source "$here/webhook.sh"
measure_open speed

tenants=${BENCH_TENANTS:-1000}
more=${BENCH_MORE_TENANTS:-10000}
each=${BENCH_ROWS:-1000}
rounds=${BENCH_ROUNDS:-4}

say "$tenants tenants with $each contacts each"
load 1 "$tenants" "$each"
if only large; then
    say "and one with $large_rows"
    load "$large" "$large" "$large_rows"
fi
index_search
{
    printf "\\set reader_password '%s'\n" "$(password bench_reader)"
    printf '\\i %q\n' "$here/scene.sql"
} | admin -q -v tenants="$tenants" -v large="$large"

if only list; then compare "list of 20" handle_list bare_list bare_list_json http_list; fi
if only filter; then compare "filtered list of 20" handle_filter bare_filter bare_filter_json; fi
if only search; then compare "search" handle_search bare_search; fi
if only get; then compare "get by id" handle_get bare_get bare_get_json; fi
if only reader; then
    for query in list count monthly; do
        seconds=$(((seconds + 1) / 2)) compare "bound reader: $query" "reader_$query" "bare_reader_$query"
    done
fi
if only sign_in; then
    sign_in_open
    compare "signing in" http_sign_in bare_argon2
    compare "requests beside sign-ins" http_list_beside http_list_alone
fi
if only calls; then
    say "single calls"
    for ((round = 1; round <= rounds; round++)); do
        admin -q -A -t -F $'\t' -v tenants="$tenants" -v calls=1000000 -f "$here/loops.sql" | samples "$round"
    done
fi
if only create; then compare "create" handle_create bare_create; fi
if only patch; then compare "patch" handle_patch bare_patch; fi
if only bulk; then compare "create 1,000 at once" handle_bulk bare_bulk; fi
if only insert || only changes; then admin -q -f "$here/quiet.sql" -f "$here/supa.sql"; fi
if only insert; then compare "insert of one row" audited_insert unaudited_insert supa_insert; fi
if only changes; then
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
    rounds=3 compare "insert of 100,000 rows" audited_hundred unaudited_hundred supa_hundred
fi
if only audit; then
    audit_open
    compare "insert as the audit log grows" among_few among_many
    audit_close
fi
if only seal; then
    rounds=3 seconds=$((seconds * 5)) compare "inserts beside sealing" sealed_insert unsealed_insert
    say "sealing and verification"
    sealed_under_load | samples 1
    chain_rates | samples 1
    seal_close
fi
if only webhook; then
    webhook_open
    rounds=3 compare "deliveries of webhooks" webhook_one webhook_ten
    webhook_close
fi
if only memory; then
    say "the gateway's memory"
    gateway_memory gateway_memory many_connections | samples 1
fi
admin -q -c 'drop schema bench cascade' -c 'vacuum crm.contacts, ucrm.audit_logs, ucrm.events'

if only large; then
    compare "a large list by name" handle_large_sorted bare_large_sorted
    compare "search in it" handle_large_search bare_large_search
    if cursor=$(large_cursor); then compare "its first page and a deep one" cursor_deep cursor_first; else failed=1; fi
    rounds=3 compare "its export" http_export copy_rows copy_json
    gateway_memory export_memory large_export_away | samples 1 || failed=1
fi

if only cost; then
    say "$more tenants"
    load "$((tenants + 1))" "$more" "$((each / 10))"
    admin -q -c 'vacuum (analyze)' -c checkpoint
    each_once "$more"
    # Connections begin with empty page tables: long turns, so that what many tenants' pages cost to map is not taken for more.
    rounds=2 seconds=$((seconds * 4)) compare "cost per request" cost_few cost_many cost_most bare_cost_few bare_cost_most
fi

report speed "$here/wanted.tsv" "$here/notes.md" report <<END
# Speed

$((tenants * each)) contacts in $tenants tenants, $large_rows in one more, $more tenants for the last comparison; $clients clients, prepared statements, \
$rounds rounds of $seconds s in turn; medians, and the median of the rounds' ratios. $(machine).
END
