# shellcheck shell=bash
# Owns how another way of keeping an audit is measured: supa_audit's.
# Must never leave its trigger awake.
# Sourced by run.sh.

# by_supa COMMAND…: with the other way's trigger awake.
by_supa() {
    admin -q -c 'alter table bench.contacts enable trigger record_version'
    "$@"
    admin -q -c 'alter table bench.contacts disable trigger record_version'
}

# bulk_insert TABLE: seconds for 100,000 rows in one statement.
bulk_insert() {
    admin -qAt -c '\timing on' -c "insert into $1 (tenant_id, name, email, stage) select 'b0000000-0000-7000-8000-000000000001', 'Made ' || n, 'made-' || n || '@bench.example', 'lead' from generate_series(1, 100000) as n" |
        awk '/^Time: / { print $2 / 1000; found = 1 } END { exit !found }'
}
