# shellcheck shell=bash
# Owns the gateway's process: its runnable copy, its database URL in a file, starting, readiness, stopping.
# Must never run it as root, nor show the URL in arguments or environment.
# Sourced by run.sh, test.sh and bench.sh.

# gateway_make FOLDER PACKAGE: needs secrets.env of database_make.
gateway_make() {
    local at=$1/gateway url file
    own_folder 0700 "$GATEWAY_USER" "$at"
    cp "$2/ucrm-gateway" "$1/.new"
    chmod 0755 "$1/.new"
    mv -f "$1/.new" "$1/ucrm-gateway"
    url=postgresql://ucrm_gateway:$(sed -n 's/^GATEWAY_PASSWORD=//p' "$1/secrets.env")@127.0.0.1:$(cluster_port "$1")/$DATABASE
    printf '%s\n' "$url" | gateway_file "$at/database-url"
    for file in UCRM_TLS_CERT_FILE UCRM_TLS_KEY_FILE; do
        [[ -z ${!file:-} ]] || gateway_file "$at/$file" <"${!file}"
    done
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
            UCRM_LISTEN* | UCRM_ADMIN_LISTEN* | UCRM_DATABASE_URL* | UCRM_TLS_* | UCRM_PG* | UCRM_DEMO | UCRM_TOOLS | UCRM_TEST_*) ;;
            *) settings+=("$name=${!name}") ;;
        esac
    done
    for name in UCRM_TLS_CERT_FILE UCRM_TLS_KEY_FILE; do
        [[ -z ${!name:-} ]] || settings+=("$name=$at/gateway/$name")
    done
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
