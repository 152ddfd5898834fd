# shellcheck shell=bash
# Owns how sealing and its check are measured: the gateway's worker beside full write load, and one tenant's chain.
# Must never leave a setting behind.
# Sourced by run.sh.

# seal_from SECONDS: rows older than that are sealed from now on, and all there are at once.
seal_from() {
    admin -qAt -c "select ucrm.set('seal_after', '0')" -c 'do $$ begin perform pg_sleep(0.1); while ucrm.seal_audit(100000) > 0 loop commit; end loop; end $$' \
        -c "select ucrm.set('seal_after', '$1')" >/dev/null
}

# beside_sealing SECONDS: statements of 20 rows a second, while rows that are older than so many seconds are sealed.
beside_sealing() {
    seal_from "$1"
    per_second "$ADMIN_LOGIN" audited_twenty
}

sealed_rows() { admin -qAt -c 'select coalesce(sum(rows), 0) from ucrm.audit_seals'; }

# Audit rows a second that are written and sealed beside each other, once sealing has begun: over three of the worker's pauses.
sealed_under_load() {
    local load before after begun
    seal_from 1
    (seconds=26 per_second "$ADMIN_LOGIN" audited_twenty) >"$work/written" &
    load=$!
    sleep 8
    before=$(sealed_rows)
    begun=$EPOCHREALTIME
    sleep 15
    after=$(sealed_rows)
    awk -v rows=$((after - before)) -v from="$begun" -v to="$EPOCHREALTIME" 'BEGIN { printf "sealed_under_load\t%s\n", rows / (to - from) }'
    wait "$load"
    awk '{ printf "written_under_load\t%s\n", 20 * $1 }' "$work/written"
}

# Rows of one tenant a second: sealed, verified, and verified with the records they tell of.
chain_rates() { admin -qAt -F $'\t' -v rows=200000 -f "$here/seal.sql"; }

seal_close() { admin -q -c "delete from ucrm.settings where name = 'seal_after' and not builtin"; }
