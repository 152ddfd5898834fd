# shellcheck shell=bash
# Owns what is in the server: extension, domain, demo data, the logins and secrets of one installation.
# Must never put a password into an argument, a log or a file that others can read.
# Sourced by run.sh, test.sh and bench.sh.

DATABASE=ucrm

# Sessions whose statements carry passwords say nothing to the server's log.
SILENT='-c log_min_messages=panic -c log_min_error_statement=panic -c log_statement=none -c log_min_duration_statement=-1'

# database_make FOLDER LOG: everything from CREATE DATABASE to demo data. The file `ready` says it was finished.
database_make() {
    local at=$1 log=$2
    cluster_psql "$at" -q -d postgres -c "create database $DATABASE" >>"$log" 2>&1 || return
    cluster_psql "$at" -q -d $DATABASE -c 'create extension ucrm' >>"$log" 2>&1 || return
    database_script "$at" >"$at/script"
    database_domain "$at" "$log" || return
    database_secrets "$at" "$log" || return
    : >"$at/demo.made"
    chmod 0600 "$at/demo.made"
    if [[ ${UCRM_DEMO:-1} != 0 ]]; then
        database_demo "$at" "$log" || return
    fi
    : >"$at/ready"
}

# Applies the domain where its files have changed; the ledger in install.sql knows what is already there.
database_domain() {
    local sum
    sum=$(find "$ROOT/sql" -name '*.sql' ! -path "*/demo*" -print0 | sort -z | xargs -0 sha256sum | sha256sum)
    [[ $(cat "$1/domain" 2>/dev/null) != "$sum" ]] || return 0
    (cd "$ROOT/sql" && PGOPTIONS='-c client_min_messages=warning' \
        cluster_psql "$1" -q -d $DATABASE -f install.sql) >>"$2" 2>&1 || return
    printf %s "$sum" >"$1/domain"
}

# Random for each installation, kept in secrets.env. SQL is given the digest of the internal secret,
# as the gateway would present it, never the secret.
database_secrets() {
    local gateway admin internal
    gateway=$(random_hex 24)
    admin=$(random_hex 24)
    internal=$(random_hex 32)
    PGOPTIONS=$SILENT cluster_psql "$1" -q -d $DATABASE >>"$2" 2>&1 <<END || return
alter role ucrm_gateway password '$gateway';
create role ucrm_admin superuser login password '$admin';
select ucrm.set_internal_secret(decode('$(printf %s "$internal" | sha256sum | cut -c 1-64)', 'hex')) \g /dev/null
END
    (umask 077 && printf '%s=%s\n' GATEWAY_PASSWORD "$gateway" \
        ADMIN_LOGIN ucrm_admin ADMIN_LOGIN_PASSWORD "$admin" INTERNAL_SECRET "$internal" >"$1/secrets.env")
}

# demo.sql prints NAME=value for what it made; anything else is an error. Passwords come to it computed.
database_demo() {
    local made admin owner
    admin=$(random_hex 12)
    owner=$(random_hex 12)
    made=$(cd "$ROOT/sql" && {
        printf "\\set admin_password '%s'\n" "$("$PACKAGE/ucrm-gateway" --hash-password <<<"$admin")"
        printf "\\set owner_password '%s'\n" "$("$PACKAGE/ucrm-gateway" --hash-password <<<"$owner")"
        printf '\\i demo.sql\n'
    } | PGOPTIONS=$SILENT cluster_psql "$1" -q -A -t -d $DATABASE 2>>"$2") || return
    made=$(sed '/^$/d' <<<"$made")
    if grep -qvE '^[A-Z][A-Z0-9_]*=' <<<"$made"; then
        printf 'sql/demo.sql printed a line that is not NAME=value\n' >>"$2"
        return 1
    fi
    printf '%s\n' "$made" "ADMIN_PASSWORD=$admin" "ACME_OWNER_PASSWORD=$owner" >"$1/demo.made"
}

# Brings what is there to what was built. A version has its upgrade script; a changed install script of
# the same version can only be told about.
database_upgrade() {
    local at=$1 log=$2 installed built
    built=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$at/prefix/share/postgresql/15/extension/ucrm.control")
    installed=$(cluster_psql "$at" -q -A -t -d $DATABASE -c "select extversion from pg_extension where extname = 'ucrm'")
    if [[ $installed != "$built" ]]; then
        cluster_psql "$at" -q -d $DATABASE -c 'alter extension ucrm update' >>"$log" 2>&1 || return
        line database "ucrm $installed became $built"
    elif [[ $(cat "$at/script" 2>/dev/null) != "$(database_script "$at")" ]]; then
        line database "the install script changed and its version did not: this data keeps the old one ('make clean' starts anew)"
    fi
    database_domain "$at" "$log"
}

database_script() { sha256sum <"$1/prefix/share/postgresql/15/extension/ucrm--$(
    sed -n "s/^default_version = '\(.*\)'/\1/p" "$1/prefix/share/postgresql/15/extension/ucrm.control"
).sql"; }

# database_env FOLDER URL ADMIN_URL: the lines of demo.env, in shell syntax.
database_env() {
    local name value
    {
        printf '%s=%s\n' UCRM_URL "$2" UCRM_ADMIN_URL "$3" \
            UCRM_PGHOST 127.0.0.1 UCRM_PGPORT "$(cluster_port "$1")" UCRM_PGDATABASE $DATABASE
        grep -v '^GATEWAY_PASSWORD=' "$1/secrets.env"
        cat "$1/demo.made"
        mail_sent || printf 'MAIL_DIR=%s\n' "$(mail_folder "$1")"
    } | while IFS='=' read -r name value; do
        printf '%s=%q\n' "$name" "$value"
    done
}
