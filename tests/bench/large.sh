# shellcheck shell=bash
# Owns what is measured at one large tenant: whole lists going out, and where in them a page begins.
# Must never count a list that did not arrive whole.
# Sourced by run.sh.

large=900001
large_rows=${BENCH_LARGE:-1000000}
shown='id, name, email, phone, stage, organization_id, owner_id, notes, custom, external_id, created_at, updated_at, archived_at'

# The cursor after nine tenths of the rows, as a client comes by it: page by page.
large_cursor() {
    psql -X -q -A -t -v ON_ERROR_STOP=1 -U ucrm_gateway -v pages="$((large_rows * 9 / 1000))" -v large="$large" -f "$here/cursor.sql"
}

large_export() {
    curl -sf -H "x-api-key: bench-key-$large" --max-time 120 "$UCRM_URL/api/v1/contacts/export?format=ndjson"
}

large_export_away() { large_export >/dev/null; }

# large_copy QUERY: as the superuser, over the network too.
large_copy() { admin -q -c "\\copy ($1) to stdout"; }

# carry VARIANT: rows a second of one whole list.
carry() {
    local begun=$EPOCHREALTIME lines whose
    whose="tenant_id = 'b0000000-0000-7000-8000-$(printf %012x "$large")' and archived_at is null"
    case $1 in
        http_export) large_export ;;
        copy_rows) large_copy "select $shown from crm.contacts where $whose" ;;
        copy_json) large_copy "select row_to_json(t) from (select $shown from crm.contacts where $whose) as t" ;;
    esac | wc -l >"$work/lines"
    lines=$(<"$work/lines")
    ((lines == large_rows)) || die "$1: $lines of $large_rows rows"
    awk -v rows="$lines" -v from="$begun" -v to="$EPOCHREALTIME" 'BEGIN { print rows / (to - from) }'
}
