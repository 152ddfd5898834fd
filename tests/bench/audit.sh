# shellcheck shell=bash
# Owns how the audit's cost is measured: as its log grows.
# Must never leave another log in the place of the one there is.
# Sourced by run.sh.

audit_rows=${BENCH_AUDIT:-10000000}

audit_open() {
    say "an audit log of $audit_rows rows"
    admin -q -v rows="$audit_rows" -v tenants="$tenants" -f "$here/audit.sql"
}

# audited_among NAME: inserts a second while ucrm.NAME is the audit log.
audited_among() {
    local rate
    # As small as it was: what the turn before wrote is taken back.
    [[ $1 != audit_few ]] || admin -q -c 'truncate ucrm.audit_few' -c 'insert into ucrm.audit_few select * from ucrm.audit_many limit 1000'
    admin -q -1 -c 'alter table ucrm.audit_logs rename to audit_usual' -c "alter table ucrm.$1 rename to audit_logs"
    rate=$(per_second "$ADMIN_LOGIN" audited_insert) || rate=
    admin -q -1 -c "alter table ucrm.audit_logs rename to $1" -c 'alter table ucrm.audit_usual rename to audit_logs'
    printf '%s\n' "${rate:?}"
}

audit_close() { admin -q -c 'drop table ucrm.audit_many, ucrm.audit_few'; }
