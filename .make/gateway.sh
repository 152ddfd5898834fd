# shellcheck shell=bash
# Owns the gateway's process: its runnable copy, its secrets in files, where its mails go, starting, readiness, stopping.
# Must never run it as root, nor show a secret in arguments or environment.
# Sourced by run.sh, test.sh and bench.sh.

# What the gateway reads from files of its own: it may not be able to reach the ones named here.
GATEWAY_FILES=(UCRM_TLS_CERT_FILE UCRM_TLS_KEY_FILE UCRM_MAIL_CA_FILE UCRM_SMTP_URL_FILE UCRM_RESEND_API_KEY_FILE)

# gateway_make FOLDER PACKAGE: needs secrets.env of database_make.
gateway_make() {
    local at=$1/gateway url file
    own_folder 0700 "$GATEWAY_USER" "$at"
    cp "$2/ucrm-gateway" "$1/.new"
    chmod 0755 "$1/.new"
    mv -f "$1/.new" "$1/ucrm-gateway"
    url=postgresql://ucrm_gateway:$(sed -n 's/^GATEWAY_PASSWORD=//p' "$1/secrets.env")@127.0.0.1:$(cluster_port "$1")/$DATABASE
    printf '%s\n' "$url" | gateway_file "$at/database-url"
    # Not those of an earlier start.
    for file in "${GATEWAY_FILES[@]}"; do
        rm -f "$at/$file"
        [[ -z ${!file:-} ]] || gateway_file "$at/$file" <"${!file}"
    done
    for file in UCRM_SMTP_URL UCRM_RESEND_API_KEY; do
        [[ -z ${!file:-} ]] || printf '%s\n' "${!file}" | gateway_file "$at/${file}_FILE"
    done
}

# mail_sent: whether mails leave, by whatever was set for it.
mail_sent() { [[ -n ${UCRM_SMTP_URL:-}${UCRM_SMTP_URL_FILE:-}${UCRM_RESEND_API_KEY:-}${UCRM_RESEND_API_KEY_FILE:-} ]]; }

# mail_folder FOLDER: where they go otherwise. Those of make run are in .ucrm/mail.
mail_folder() {
    if [[ -n ${UCRM_MAIL_DIR:-} ]]; then
        printf %s "$UCRM_MAIL_DIR"
    elif [[ $1 == "$STATE/main" ]]; then
        printf %s "$STATE/mail"
    else
        printf %s "$1/mail"
    fi
}

# gateway_file PATH: what comes in, readable by the gateway alone.
gateway_file() {
    rm -f "$1"
    (umask 077 && cat >"$1")
    [[ $GATEWAY_USER == "$ME" ]] || chown "$GATEWAY_USER:" "$1"
}

# gateway_start FOLDER LISTEN ADMIN_LISTEN: sets GATEWAY.
GATEWAY=
gateway_start() {
    local at=$1 name settings=("UCRM_LISTEN=$2" "UCRM_ADMIN_LISTEN=$3" "UCRM_DATABASE_URL_FILE=$1/gateway/database-url")
    # Whatever else is set is the gateway's own: `ucrm-gateway --help` lists it.
    for name in $(compgen -e UCRM_); do
        case $name in
            UCRM_LISTEN* | UCRM_ADMIN_LISTEN* | UCRM_DATABASE_URL* | UCRM_TLS_* | UCRM_SMTP_URL* | UCRM_RESEND_API_KEY* | UCRM_MAIL_DIR | UCRM_MAIL_CA_FILE | UCRM_PG* | UCRM_DEMO | UCRM_TOOLS | UCRM_TEST_*) ;;
            *) settings+=("$name=${!name}") ;;
        esac
    done
    for name in "${GATEWAY_FILES[@]}"; do
        [[ ! -e $at/gateway/$name ]] || settings+=("$name=$at/gateway/$name")
    done
    if ! mail_sent; then
        [[ -n ${UCRM_MAIL_DIR:-} ]] || own_folder 0700 "$GATEWAY_USER" "$(mail_folder "$at")"
        settings+=("UCRM_MAIL_DIR=$(mail_folder "$at")")
    elif [[ -n ${UCRM_MAIL_DIR:-} ]]; then
        # It says what is wrong with both.
        settings+=("UCRM_MAIL_DIR=$UCRM_MAIL_DIR")
    fi
    [[ ! -e $at/gateway.log ]] || mv -f "$at/gateway.log" "$at/gateway.log.1"
    (umask 077 && : >"$at/gateway.log")
    # Its own session: Ctrl-C in the terminal reaches only us, and we stop it in order.
    become "$GATEWAY_USER"
    (cd / && exec setsid "${BECOME[@]}" "${settings[@]}" "$at/ucrm-gateway") >>"$at/gateway.log" 2>&1 </dev/null 9>&- &
    GATEWAY=$!
    printf %s "$GATEWAY" >"$at/gateway.pid"
}

# gateway_wait ADMIN_LISTEN: until /readyz says so.
gateway_wait() {
    local tries=0
    until gateway_answers "$1"; do
        kill -0 "$GATEWAY" 2>/dev/null || return 1
        ((tries += 1))
        ((tries < 150)) || return 1
        sleep 0.2 9>&-
    done
}

gateway_answers() {
    local reply=
    exec 7<>"/dev/tcp/$(host_of "$1")/${1##*:}" || return 1
    printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&7
    read -r -t 5 reply <&7 || true
    exec 7>&-
    [[ $reply == *" 200 "* ]]
} 2>/dev/null

# The address to connect to for an address to listen on.
host_of() {
    local host=${1%:*}
    host=${host#[}
    host=${host%]}
    case $host in
        0.0.0.0) host=127.0.0.1 ;;
        ::) host=::1 ;;
    esac
    printf %s "$host"
}

# gateway_stop FOLDER: lets it drain, then insists. Also stops one that outlived its make run.
gateway_stop() {
    local pid tries=0 patience
    pid=$(cat "$1/gateway.pid" 2>/dev/null) || return 0
    patience=$((${UCRM_DRAIN_MS:-10000} / 100 + 50))
    while gateway_runs "$1" "$pid"; do
        if ((tries == 0)); then
            kill -TERM "$pid"
        elif ((tries == patience)); then
            kill -KILL "$pid"
        fi
        ((tries += 1))
        sleep 0.1 9>&-
    done
    rm -f "$1/gateway.pid"
}

# The id in the file may have become another program's.
gateway_runs() { [[ $(readlink "/proc/$2/exe" 2>/dev/null) == "$1/ucrm-gateway"* ]]; }
