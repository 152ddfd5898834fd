# shellcheck shell=bash
# Owns the proof that the application runs on a restored server: gateway, API keys, bound and trusted logins.
# Must never meet the original server.
# Sourced by run.sh.

# login NAME PASSWORD SQL: over TCP, as a tool would.
login() {
    PGPASSWORD=$2 "$(prefix_bin "$AT/prefix")/psql" -XAtq -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$(cluster_port "$AT")" -U "$1" -d ucrm -c "$3"
}

# answers STATUS METHOD PATH KEY [BODY]
answers() {
    local status
    status=$(curl -s -o "$WORK/reply" -w '%{http_code}' -X "$2" -H "x-api-key: $4" -H 'content-type: application/json' \
        ${5:+--data-binary "$5"} "http://$LISTEN$3")
    [[ $status == "$1" ]] || { printf '%s\n' "$status"; cat "$WORK/reply"; return 1; }
}

LISTEN=127.0.0.1:$(port_free)
ADMIN=127.0.0.1:$(port_free)
own_folder 0700 "$GATEWAY_USER" "$AT/gateway"
cp "$UCRM_TEST_GATEWAY_BIN" "$AT/ucrm-gateway"
sed -E "s|:[0-9]+/$UCRM_PGDATABASE|:$(cluster_port "$AT")/ucrm|" "$UCRM_TEST_DATABASE_URL_FILE" | gateway_file "$AT/gateway/database-url"
gateway_start "$AT" "$LISTEN" "$ADMIN"
check "a gateway becomes ready on the restored server" gateway_wait "$ADMIN"

contacts_of() { copy psql -XAtq -d ucrm -c "select count(*) from crm.contacts where tenant_id = '$1'"; }
counts="select (select count(*) from ucrm.audit_logs) || ' ' || (select count(*) from ucrm.events) || ' ' || (select count(*) from crm.contacts)"
read -r audit events contacts <<<"$(copy psql -XAtq -d ucrm -c "$counts")"
check "an API key creates a contact there" answers 201 POST /api/v1/contacts "$ACME_OWNER_KEY" '{"name": "Restored"}'
check "with one audit row and one event" equal "$(copy psql -XAtq -d ucrm -c "$counts")" "$((audit + 1)) $((events + 1)) $((contacts + 1))"
check "a reader still writes nothing" answers 403 POST /api/v1/contacts "$ACME_READER_KEY" '{"name": "Refused"}'
check "a trial that is over still is" answers 402 POST /api/v1/contacts "$EXPIRED_KEY" '{"name": "Refused"}'
check "the platform admin's key works" answers 200 GET /api/v1/admin/workspaces "$PLATFORM_ADMIN_KEY"
check "the reporting login reads its tenant" \
    equal "$(login "$REPORT_LOGIN" "$REPORT_PASSWORD" 'select count(*), count(distinct tenant_id) from crm.contacts')" "$(contacts_of "$ACME_ID")|1"
check "and through its views" equal "$(login "$REPORT_LOGIN" "$REPORT_PASSWORD" "select count(*) from contacts where name = 'Restored'")" 1
check "the back end enters a tenant" \
    equal "$(login "$BACKEND_LOGIN" "$BACKEND_PASSWORD" "begin; select ucrm.enter('$GLOBEX_ID'); select count(*) from crm.contacts; commit" | tail -n 1)" "$(contacts_of "$GLOBEX_ID")"
forges() { ! login "$REPORT_LOGIN" "$REPORT_PASSWORD" "select set_config('app.tenant_id', '$GLOBEX_ID', false)"; }
check "and a login forges no context" forges

# keyed LINES: the key file has these.
keyed() { printf '%s\n' "$@" | as "$SERVER_USER" tee "$(key_file "$AT")" >/dev/null; }
opened() { copy psql -XAtq -d ucrm -c "$secret" 2>&1; }
app_opened() { copy psql -XAtq -d ucrm -c "$app_secret" 2>&1; }
lost() { [[ $(opened) == *'which is not in the key file'* ]]; }
blamed() { copy psql -XAtq -d ucrm -c 'select what from ucrm.doctor()' | grep -q 'nobody can open them'; }
old=$(as "$SERVER_USER" cat "$(key_file "$AT")")
new=$(random_hex 32)
check "with the key file the secret opens" equal "$(opened)" "$clear"
check "and an authenticator app's" equal "$(app_opened)" "$app_clear"
keyed "$new"
check "with another one it does not" lost
check "and doctor() says so" blamed
keyed "$new" "$old"
check "reseal() brings it under a new key, with the app's and whatever else there is" test "$(copy psql -XAtq -d ucrm -c 'select ucrm.reseal()')" -ge 2
keyed "$new"
check "which alone opens it then" equal "$(opened)" "$clear"
check "and the app's" equal "$(app_opened)" "$app_clear"
gateway_stop "$AT"
