#!/usr/bin/env bash
# Owns the proof that CREATE EXTENSION ucrm refuses, clearly and without a trace, wherever it would not be safe.
# Must never touch the staged server.
# Called by .make/suite.sh, with the environment of .make/stage.sh.
# Functions that check and trap call look unreachable.
# shellcheck disable=SC2317
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
for part in say place ports cluster; do
    # shellcheck disable=SC1090
    source ".make/$part.sh"
done
state_make
AT=$STATE/install
failed=0

sweep() {
    [[ -d $AT ]] || return 0
    cluster_stop "$AT" immediate
    cluster_remove "$AT"
}
trap sweep EXIT
trap 'exit 130' INT TERM HUP
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
run() { cluster_psql "$AT" -q -A -t -d "${2:-postgres}" -c "$1"; }
equal() { [[ $1 == "$2" ]] || { printf 'got %s, expected %s\n' "$1" "$2"; return 1; }; }

roles() { run "select string_agg(rolname, ' ' order by rolname) from pg_roles where rolname like 'ucrm\_%'"; }
traces="select (select count(*) from pg_extension where extname = 'ucrm') + (select count(*) from pg_event_trigger) + (select count(*) from pg_proc where proname = 'handle')"

# refuses NAME BEFORE SQLSTATE MESSAGE HINT [AFTER]: what a new database is told. BEFORE and AFTER are SQL; a failed
# CREATE EXTENSION leaves nothing behind, in the database or among the roles.
refuses() {
    local said before
    run 'drop database if exists trial' && run 'create database trial' || exit
    [[ -z $2 ]] || run "$2" trial || exit
    before=$(roles)
    said=$(printf '\\set VERBOSITY verbose\n%screate extension ucrm;\n' "${ROLE:+set session authorization $ROLE;$'\n'}" \
        | cluster_psql "$AT" -q -d trial 2>&1)
    check "$1" matches "$said" "ERROR:  $3: .*$4" "$5"
    check "$1: nothing is left behind" equal "$(run "$traces" trial) $(roles)" "0 $before"
    [[ -z ${6:-} ]] || run "$6" trial || exit
}
matches() {
    local pattern
    for pattern in "${@:2}"; do
        grep -qE "$pattern" <<<"$1" || { printf '%s\ndoes not say %s\n' "$1" "$pattern"; return 1; }
    done
}

cluster_make "$AT" "$UCRM_TEST_PACKAGE" "$(port_free)" "shared_preload_libraries = ''"
cluster_start "$AT" || exit
run 'create database trial' || exit
refuses "a server that did not preload the library" '' 55000 'ucrm must be loaded when the server starts' \
    'HINT:  Add ucrm to shared_preload_libraries in postgresql.conf, restart'
cluster_settings "$AT" "$(cluster_port "$AT")" "session_preload_libraries = 'ucrm'" \
    | sed "s/^shared_preload_libraries.*/shared_preload_libraries = 'pg_stat_statements'/" | cluster_write "$AT" ucrm.conf
cluster_stop "$AT"
cluster_start "$AT" || exit
refuses "a session that loads it itself" '' 55000 'ucrm must be loaded when the server starts' 'HINT:  Add ucrm to shared_preload_libraries'
cluster_make "$AT" "$UCRM_TEST_PACKAGE" "$(cluster_port "$AT")"
cluster_stop "$AT"
cluster_start "$AT" || exit

run 'create role mallory login createdb; create role owen login superuser'
ROLE=mallory refuses "a login that is no superuser" 'grant create on database trial to mallory' 42501 'permission denied to create extension "ucrm"' 'HINT:  Must be superuser'
refuses "an attacker's schema" 'create schema ucrm authorization mallory' 42P06 'schema "ucrm" already exists' .
refuses "an attacker's function in an attacker's schema" \
    "create schema ucrm authorization mallory; create function ucrm.uuid7() returns uuid language sql as 'select null::uuid'" 42P06 'schema "ucrm" already exists' .
refuses "an empty schema of a superuser's" 'create schema ucrm' 42P06 'schema "ucrm" already exists' .

# Each role that UCRM would make, made before, with each attribute that is not UCRM's.
for role in ucrm_owner ucrm_tables ucrm_handler ucrm_app ucrm_gateway ucrm_reader ucrm_platform ucrm_mover; do
    for attribute in superuser createrole createdb replication bypassrls login; do
        case $role:$attribute in ucrm_platform:bypassrls | ucrm_mover:bypassrls | ucrm_gateway:login) attribute=no$attribute ;; esac
        own=$(case $role in ucrm_platform | ucrm_mover) echo bypassrls ;; ucrm_gateway) echo login ;; esac)
        refuses "$role with $attribute" "create role $role $own; alter role $role $attribute" 55000 \
            "role \"$role\" exists with other attributes than UCRM's" 'HINT:  Drop or rename it' "drop role $role"
    done
    refuses "$role with a member who may grant it" "create role $role $own; grant $role to mallory with admin option" 55000 \
        "unexpected membership: \"mallory\" in \"$role\"" 'HINT:  Revoke it before CREATE EXTENSION' "drop role $role"
    refuses "$role as a member of another role" "create role $role $own; create role crew; grant crew to $role" 55000 \
        "unexpected membership: \"$role\" in \"crew\"" 'HINT:  Revoke it' "drop role $role; drop role crew"
done
for role in ucrm_owner ucrm_tables ucrm_handler ucrm_gateway ucrm_mover; do
    own=$(case $role in ucrm_mover) echo bypassrls ;; ucrm_gateway) echo login ;; esac)
    refuses "$role with a member" "create role $role $own; grant $role to mallory" 55000 \
        "unexpected membership: \"mallory\" in \"$role\"" 'HINT:  Revoke it' "drop role $role"
done
for role in ucrm_app ucrm_reader ucrm_platform; do
    own=$(case $role in ucrm_platform) echo bypassrls ;; esac)
    refuses "$role with a member who may make roles" "create role smith login createrole; create role $role $own; grant $role to smith" 55000 \
        "unexpected membership: \"smith\" in \"$role\"" 'HINT:  Revoke it' "drop role $role; drop role smith"
done

# What pg_dumpall --globals-only restores is no attack.
run 'drop database trial' && run 'create database trial' || exit
run "create role ucrm_owner; create role ucrm_tables; create role ucrm_handler; create role ucrm_app; create role ucrm_gateway login;
     create role ucrm_reader; create role ucrm_platform bypassrls; create role ucrm_mover bypassrls; grant ucrm_app to ucrm_handler;
     create role report_1 login; grant ucrm_reader to report_1; create role backend_1 login; grant ucrm_app to backend_1;
     create role migrator login; grant ucrm_platform to migrator" || exit
check "roles as UCRM makes them, restored before it" run 'create extension ucrm' trial
check "and a second database of the same server" run 'create extension ucrm'
check "dropping it leaves the roles and nothing else" equal "$(run "drop extension ucrm; $traces")" 0
exit "$failed"
