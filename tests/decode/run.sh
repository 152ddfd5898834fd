#!/usr/bin/env bash
# Owns the proof of the way out by logical decoding: wal2json, as Debian packages it, and the script that EVENTS.md gives
# make CloudEvents of the outbox.
# Must never touch the stage's server: wal_level is another one's.
# Called by .make/suite.sh, with the environment of .make/stage.sh.
# Functions that check and trap call look unreachable.
# shellcheck disable=SC2317
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.." || exit
for part in say place ports cluster gateway database; do
    # shellcheck disable=SC1090
    source ".make/$part.sh"
done
state_make
AT=$STATE/decode
PACKAGE=$UCRM_TEST_PACKAGE
WORK=$(mktemp -d)
failed=0
receiver=

sweep() {
    [[ -d $AT ]] || return 0
    cluster_stop "$AT" immediate
    cluster_remove "$AT"
}
close() {
    [[ -z $receiver ]] || kill "$receiver" 2>/dev/null
    sweep
    rm -rf "$WORK"
}
trap close EXIT
trap 'exit 130' INT TERM HUP
# What an interrupted run left.
sweep

# check NAME COMMAND…: what the command says is why it failed.
check() {
    local said
    if said=$("${@:2}" 2>&1); then
        printf 'ok - %s\n' "$1"
    else
        printf 'not ok - %s\n' "$1"
        head -n 40 <<<"$said" | sed 's/^/# /'
        failed=1
    fi
}
equal() { [[ $1 == "$2" ]] || { printf 'got %s, expected %s\n' "$1" "$2"; return 1; }; }
absent() { ! grep -F -e "$1" "$2"; }
at() { "$(prefix_bin "$AT/prefix")/$1" -h "$(cluster_socket "$AT")" -p "$(cluster_port "$AT")" -U postgres "${@:2}"; }
sql() { at psql -XAtq -v ON_ERROR_STOP=1 -d "$DATABASE" "$@"; }

# Newer minor releases load no output plugin that this setting does not name; older ones do not know it.
settings='wal_level = logical'
if "$UCRM_TEST_PGBIN/psql" -XAtq -h "$UCRM_TEST_PGSOCKET" -p "$UCRM_PGPORT" -U postgres -d postgres \
    -c "select name from pg_settings where name = 'output_plugin_libraries'" | grep -q .; then
    settings+=$'\n'"output_plugin_libraries = 'pgoutput, wal2json'"
fi
cluster_make "$AT" "$PACKAGE" "$(port_free)" "$settings"
if ! cluster_start "$AT" || ! UCRM_DEMO=1 database_make "$AT" "$WORK/log"; then
    cat "$WORK/log"
    exit 1
fi
acme=$(sql -c "select id from ucrm.tenants where slug = 'acme'")
globex=$(sql -c "select id from ucrm.tenants where slug = 'globex'")

sql -c "select from pg_create_logical_replication_slot('events', 'wal2json')"
check "the slot is made" equal "$(sql -c "select plugin from pg_replication_slots where slot_name = 'events'")" wal2json

listen() {
    (exec "$(prefix_bin "$AT/prefix")/pg_recvlogical" -h "$(cluster_socket "$AT")" -p "$(cluster_port "$AT")" -U postgres -d "$DATABASE" \
        --slot events --start -o format-version=2 -o add-tables=ucrm.events -F 1 -s 1 -f - 2>>"$WORK/said") \
        | python3 "$here/cloud_events.py" >>"$1" &
    receiver=$(jobs -p | tail -n 1)
}
# heard FILE N: waits until so many lines are there.
heard() {
    local tries=0
    while (($(wc -l <"$1") < $2)); do
        ((tries += 1))
        ((tries < 300)) || {
            printf '%s lines instead of %s\n' "$(wc -l <"$1")" "$2"
            return 1
        }
        sleep 0.1
    done
}
# of FILE EXPRESSION: what it says of each line e, a line each.
of() { python3 -c "
import json, sys
for line in open(sys.argv[1]):
    h, e = json.loads(line)['headers'], json.loads(line)['event']
    print($2)" "$1"; }

: >"$WORK/first"
listen "$WORK/first"
sql <<SQL
insert into crm.contacts (tenant_id, name) values ('$acme', 'decoded'), ('$globex', 'decoded');
update crm.contacts set stage = 'won' where name = 'decoded' and tenant_id = '$acme';
begin;
insert into crm.contacts (tenant_id, name) values ('$acme', 'rolled back');
rollback;
insert into crm.channels (tenant_id, name, kind, token) values ('$acme', 'decoded', 'telegram', '12345:a secret that nobody reads');
delete from crm.contacts where name = 'decoded';
SQL
check "every change is heard" heard "$WORK/first" 6
check "in the order of each record" equal \
    "$(of "$WORK/first" "e['type'] if e['tenantid'] == '$acme' and e['data'].get('name') == 'decoded' and e['type'].startswith('contacts') else ''" | grep . | tr '\n' ' ')" \
    'contacts.created contacts.updated contacts.deleted '
check "what was rolled back is not" absent 'rolled back' "$WORK/first"
check "nor is a secret" absent 'a secret that nobody reads' "$WORK/first"
check "the mask is" grep -q '••••\|\\u2022' "$WORK/first"
check "each says whose it is, in its headers too" equal "$(of "$WORK/first" "h['ce-tenantid'] == e['tenantid'] == e['data']['tenant_id'] and h['ce-type'] == e['type']" | sort -u)" True
check "each is what GET /api/v1/events gives" equal \
    "$(of "$WORK/first" "json.dumps(e, sort_keys=True)" | sort | md5sum)" \
    "$(sql -c "select ucrm.cloud_event(e) from ucrm.events as e where e.id::text in ($(of "$WORK/first" "repr(e['id'])" | paste -sd,))" \
        | python3 -c "import json, sys
for line in sys.stdin: print(json.dumps(json.loads(line), sort_keys=True))" | sort | md5sum)"

# A receiver that is killed before it said how far it had come gets the rest again, under the same ids.
kill "$receiver" 2>/dev/null
wait "$receiver" 2>/dev/null
receiver=
sql -c "insert into crm.contacts (tenant_id, name) select '$acme', 'kept ' || n from generate_series(1, 100) as n"
cluster_crash "$AT"
cluster_start "$AT" || exit
: >"$WORK/second"
listen "$WORK/second"
check "after a crash of the server every event is heard" heard "$WORK/second" 100
kill "$receiver" 2>/dev/null
wait "$receiver" 2>/dev/null
receiver=
check "under the ids they have" equal \
    "$(of "$WORK/second" "e['id'] if str(e['data'].get('name')).startswith('kept ') else ''" | grep . | sort -u | md5sum)" \
    "$(sql -c "select id from ucrm.events where data ->> 'name' like 'kept %' order by id::text" | md5sum)"

# Who reads the log reads every tenant's.
refused() {
    local said
    said=$(sql -c "set role $1; $2" 2>&1)
    grep 'ERROR:  must be superuser or replication role\|ERROR:  permission denied' <<<"$said" || { printf '%s\n' "$said"; return 1; }
}
for role in ucrm_app ucrm_reader ucrm_gateway ucrm_platform ucrm_handler; do
    check "$role makes no slot" refused "$role" "select pg_create_logical_replication_slot('mine', 'wal2json')"
    check "$role reads none" refused "$role" "select data from pg_logical_slot_peek_changes('events', null, null)"
done
exit "$failed"
