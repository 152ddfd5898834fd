#!/usr/bin/env bash
# Owns the proof that a dump loses nothing: globals and database → a new server, by pg_restore and by psql, and through
# pg_upgrade; then the application runs there.
# Must never change the database it dumps.
# Called by .make/suite.sh, with the environment of .make/stage.sh.
# Functions that check and trap call look unreachable.
# shellcheck disable=SC2317
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.." || exit
for part in say place ports cluster gateway; do
    # shellcheck disable=SC1090
    source ".make/$part.sh"
done
state_make
AT=$STATE/restore
UP=$STATE/upgraded
WORK=$(mktemp -d)
failed=0

sweep() {
    local at
    for at in "$STATE/restore" "$STATE/upgraded"; do
        [[ -d $at ]] || continue
        gateway_stop "$at"
        cluster_stop "$at" immediate
        cluster_remove "$at"
    done
}
close() {
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
empty() { [[ ! -s $1 ]] || { cat "$1"; return 1; }; }
absent() { ! grep -F -e "$1" "$2"; }
equal() { [[ $1 == "$2" ]] || { printf 'got %s, expected %s\n' "$1" "$2"; return 1; }; }

original() { "$UCRM_TEST_PGBIN/$1" -h "$UCRM_TEST_PGSOCKET" -p "$UCRM_PGPORT" -U postgres "${@:2}"; }
copy() { "$(prefix_bin "$AT/prefix")/$1" -h "$(cluster_socket "$AT")" -p "$(cluster_port "$AT")" -U postgres "${@:2}"; }

# key_copy FROM TO: what is kept apart from the dump.
key_copy() { as "$SERVER_USER" cp "$(key_file "$1")" "$(key_file "$2")"; }

# kinds FILE: the first words of its lines.
kinds() { sed -E 's/^(extension members|event triggers|row security|role settings|default privileges|[a-z]+).*/\1/' "$1" | sort -u; }

# inventory DATABASE NAME: of the new server.
inventory() { copy psql -XAtq -d "$1" -f "$here/inventory.sql" >"$WORK/$2"; }

# healthy HOW DATABASE FINDINGS: doctor() says what it said before.
finding="select level, object, what from ucrm.doctor() where level = 'error' order by object"
errors() { copy psql -XAtq -d "$1" -c "$finding" 2>&1; }
healthy() { check "$1: doctor() finds what it found before" equal "$(errors "$2")" "$3"; }

# compare HOW FILE: one check for each kind of thing in the inventories.
compare() {
    local kind
    while read -r kind; do
        grep "^$kind" "$WORK/original" >"$WORK/a"
        grep "^$kind" "$2" >"$WORK/b"
        check "$1: the same $kind" diff "$WORK/a" "$WORK/b"
    done < <(kinds "$WORK/original")
    check "$1: nothing else is there" diff "$WORK/original" "$2"
}

# A secret, and what it is in clear: nothing but the key file opens it elsewhere.
secret="select encode(ucrm.secret('$ACME_ID', 'webhook', '$ACME_ID'), 'hex')"
original psql -XAtq -d "$UCRM_PGDATABASE" -c "select from ucrm.make_webhook_secret('$ACME_ID')"
clear=$(original psql -XAtq -d "$UCRM_PGDATABASE" -c "$secret")
app_secret="select encode(ucrm.totp_secret(f), 'hex') from ucrm.totp_factors as f where f.label = 'kept'"
app=$(original psql -XAtq -d "$UCRM_PGDATABASE" -c "select secret from ucrm.enrol_totp((select id from ucrm.users order by id limit 1), 'kept')")
app_clear=$(original psql -XAtq -d "$UCRM_PGDATABASE" -c "$app_secret")

# Seals, with whoever else seals kept waiting; and what they have to prove wherever they are.
original psql -XAtq -d "$UCRM_PGDATABASE" -c "do \$\$ begin
    perform ucrm.lock('seal_audit');
    while ucrm.seal_rows('$ACME_ID', ucrm.settled_until(), 10) > 0 loop end loop;
end \$\$" || exit
sealed="select sealed_rows > 10, ucrm.audit_checkpoint('$ACME_ID') is not null from ucrm.audit_state('$ACME_ID')"

original psql -XAtq -d "$UCRM_PGDATABASE" -f "$here/inventory.sql" >"$WORK/original" || exit
check "the inventory knows many kinds of things" test "$(kinds "$WORK/original" | wc -l)" -ge 17
original pg_dumpall --globals-only >"$WORK/globals.sql" || exit
original pg_dump -Fc -f "$WORK/custom" "$UCRM_PGDATABASE" || exit
original pg_dump -f "$WORK/plain" "$UCRM_PGDATABASE" || exit
check "a dump holds the sealed secret" grep -q "^$ACME_ID.*webhook" "$WORK/plain"
check "and not the secret" absent "$clear" "$WORK/plain"
check "nor an authenticator app's" absent "$app_clear" "$WORK/plain"
check "in whatever spelling" absent "$app" "$WORK/plain"

cluster_make "$AT" "$UCRM_TEST_PACKAGE" "$(port_free)"
key_copy "$UCRM_TEST_DIR" "$AT"
cluster_start "$AT" || exit

# The new server has its superuser already.
copy psql -Xq -d postgres -f "$WORK/globals.sql" 2>&1 >/dev/null | grep -v 'role "postgres" already exists' >"$WORK/said"
check "the globals are restored without a word" empty "$WORK/said"
copy createdb ucrm
copy pg_restore -d ucrm "$WORK/custom" >"$WORK/said" 2>&1
check "pg_restore says nothing" empty "$WORK/said"
inventory ucrm custom.copy
compare pg_restore "$WORK/custom.copy"
check "it has its seals, and signs checkpoints" equal "$(copy psql -XAtq -d ucrm -c "$sealed")" "t|t"
# Other tests took rows of theirs away, which is found there as here.
faults="select t.slug, v.* from ucrm.tenants as t cross join ucrm.audit_verify(t.id) as v order by 1, 2, 3, 4, 5"
check "seals prove what they proved, and rows are what their audit says" equal "$(copy psql -XAtq -d ucrm -c "$faults")" "$(original psql -XAtq -d "$UCRM_PGDATABASE" -c "$faults")"
healthy pg_restore ucrm "$(original psql -XAtq -d "$UCRM_PGDATABASE" -c "$finding")"

# A DBA's own things, on the copy, and that once more, as a script.
copy psql -Xq -v ON_ERROR_STOP=1 -d ucrm -f "$here/own.sql" >"$WORK/said" 2>&1
check "a DBA adds things of his own" empty "$WORK/said"
inventory ucrm original
found=$(errors ucrm)
check "doctor() sees the table that the DBA left unshaped" grep -q '^error|lab.unshaped|' <<<"$found"
copy pg_dump -f "$WORK/plain.sql" ucrm || exit
copy createdb plain
copy psql -Xq -v ON_ERROR_STOP=1 -d plain -f "$WORK/plain.sql" 2>"$WORK/said" >/dev/null
check "psql says nothing" empty "$WORK/said"
inventory plain plain.copy
compare psql "$WORK/plain.copy"
healthy psql plain "$found"
copy dropdb plain

# shellcheck source=tests/restore/serving.sh
source "$here/serving.sh"
# shellcheck source=tests/restore/upgrade.sh
source "$here/upgrade.sh"
exit "$failed"
