# shellcheck shell=bash
# Owns a database and a gateway for the tests with the libraries of Standard Webhooks: this gateway delivers to this machine.
# Must never leave either behind.
# Sourced by run.sh, which has sql().

HOOKS_GATEWAY=
hooks_open() {
    local url log made name value
    url=$(cat "$UCRM_TEST_DATABASE_URL_FILE" 2>/dev/null || sudo -n cat "$UCRM_TEST_DATABASE_URL_FILE")
    sql -c 'create database clients_hooks' || return
    PGDATABASE_=clients_hooks sql -c 'create extension ucrm' || return
    made=$(PGDATABASE_=clients_hooks sql -f "$here/hooks.sql") || return
    while IFS='=' read -r name value; do export "$name=$value"; done <<<"$made"
    log=$(mktemp)
    UCRM_DATABASE_URL=${url%/*}/clients_hooks UCRM_LISTEN=127.0.0.1:0 UCRM_ADMIN_LISTEN=127.0.0.1:0 UCRM_MAIL_WORKERS=0 \
        UCRM_WEBHOOK_NETWORKS=127.0.0.1 "$UCRM_TEST_GATEWAY_BIN" >"$log" 2>&1 &
    HOOKS_GATEWAY=$!
    for _ in {1..100}; do
        HOOKS_URL=$(sed -n 's/.*"serving".*"listen":"\([^"]*\)".*/http:\/\/\1/p;s/.*"listen":"\([^"]*\)".*"serving".*/http:\/\/\1/p' "$log")
        [[ -z $HOOKS_URL ]] || break
        sleep 0.1
    done
    rm -f "$log"
    export HOOKS_URL
    [[ -n $HOOKS_URL ]]
}

hooks_close() {
    if [[ -n $HOOKS_GATEWAY ]]; then
        kill "$HOOKS_GATEWAY"
        wait "$HOOKS_GATEWAY"
    fi
    sql -c 'drop database if exists clients_hooks with (force)'
}
