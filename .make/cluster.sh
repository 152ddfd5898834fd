#!/usr/bin/env bash
# Owns a private server: its prefix, data, socket and log under one folder; making, starting, stopping it.
# Must never run as root, listen beyond 127.0.0.1, or signal a process that is not this folder's server.
# Sourced by run.sh, test.sh, bench.sh and clean.sh; a program for the tests that need a server more.

if ! declare -F state_find >/dev/null; then
    source "$(dirname "${BASH_SOURCE[0]}")/say.sh"
    source "$(dirname "${BASH_SOURCE[0]}")/place.sh"
    state_find
fi
source "$(dirname "${BASH_SOURCE[0]}")/prefix.sh"
source "$(dirname "${BASH_SOURCE[0]}")/key.sh"

# cluster_make FOLDER PACKAGE PORT [SETTINGS]: prefix, extension, and an empty server where there is none.
cluster_make() {
    local at=$1 socket
    own_folder 0755 "$ME" "$at"
    prefix_make "$at/prefix"
    prefix_install "$at/prefix" "$2"
    own_folder 0700 "$SERVER_USER" "$at/log"
    socket=$(cluster_socket "$at")
    own_folder 0700 "$SERVER_USER" "$socket"
    own_folder 0700 "$SERVER_USER" "$at/data"
    key_make "$at"
    if [[ ! -e $at/data/PG_VERSION ]]; then
        as "$SERVER_USER" "$(prefix_bin "$at/prefix")/initdb" -D "$at/data" -U postgres \
            --encoding=UTF8 --locale=C.UTF-8 --data-checksums --auth=reject --no-instructions \
            >"$STATE/log/initdb.log" 2>&1 || {
            show_log "$STATE/log/initdb.log"
            die "initdb failed"
        }
        printf "include = 'ucrm.conf'\n" | cluster_write "$at" postgresql.conf -a
    fi
    cluster_settings "$at" "$3" "${4:-}" | cluster_write "$at" ucrm.conf
    cluster_hba | cluster_write "$at" pg_hba.conf
    printf 'admin %s postgres\n' "$SERVER_USER" "$ME" | cluster_write "$at" pg_ident.conf
    printf %s "$3" >"$at/port"
}

cluster_write() { as "$SERVER_USER" tee "${@:3}" "$1/data/$2" >/dev/null; }

# A socket's path may have 107 bytes.
cluster_socket() {
    if ((${#1} < 80)); then
        printf %s "$1/socket"
    else
        printf '/tmp/ucrm-%s' "$(printf %s "$1" | sha256sum | cut -c 1-16)"
    fi
}

cluster_settings() {
    cat <<END
# Written at every start.
listen_addresses = '127.0.0.1'
port = $2
unix_socket_directories = '$(cluster_socket "$1")'
unix_socket_permissions = 0700
shared_preload_libraries = 'ucrm'
ucrm.key_file = '$KEY_FILE'
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = on
log_directory = '$1/log'
log_filename = 'server-%Y-%m-%d.log'
log_file_mode = 0600
log_rotation_age = 1d
log_rotation_size = 100MB
log_line_prefix = '%m [%p] %q%u@%d '
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
$3
END
}

# TCP asks every login for its password. The socket, in a folder of the server's user alone,
# lets that user and the one who started us in as the superuser without one.
cluster_hba() {
    cat <<'END'
local all         postgres               peer map=admin
local replication postgres               peer map=admin
local all         all                    scram-sha-256
host  all         all       127.0.0.1/32 scram-sha-256
END
}

# The process id of this folder's server, if it runs. The id in postmaster.pid alone proves nothing:
# after a crash it may have become another program's.
cluster_pid() {
    local pid
    pid=$(as "$SERVER_USER" head -n 1 "$1/data/postmaster.pid" 2>/dev/null) || return 1
    [[ -n $pid && $(as "$SERVER_USER" readlink "/proc/$pid/cwd" 2>/dev/null) -ef $1/data ]] || return 1
    printf %s "$pid"
}

cluster_port() { cat "$1/port"; }

cluster_start() {
    local at=$1
    # What a crash left: the ids in these files may be other programs' by now.
    if ! cluster_pid "$at" >/dev/null; then
        cluster_emptied "$at" || return
        as "$SERVER_USER" rm -f "$at/data/postmaster.pid" "$(cluster_socket "$at")/.s.PGSQL.$(cluster_port "$at")"{,.lock}
    fi
    as "$SERVER_USER" rm -f "$at/log/start.log"
    as "$SERVER_USER" "$(prefix_bin "$at/prefix")/pg_ctl" start -s -w -t 120 \
        -D "$at/data" -l "$at/log/start.log" </dev/null >/dev/null 2>&1 9>&- || {
        cluster_last_words "$at"
        return 1
    }
}

# cluster_stop FOLDER [fast|smart|immediate]: nothing to do is success.
cluster_stop() {
    if [[ ! -d $1/data ]] || ! cluster_pid "$1" >/dev/null; then return 0; fi
    local control
    control=$(prefix_bin "$1/prefix")/pg_ctl
    as "$SERVER_USER" "$control" stop -s -w -t 60 -m "${2:-fast}" -D "$1/data" >/dev/null 2>&1 \
        || as "$SERVER_USER" "$control" stop -s -w -t 30 -m immediate -D "$1/data"
}

# cluster_crash FOLDER: what a power cut leaves.
cluster_crash() {
    local pid
    pid=$(cluster_pid "$1") || return 0
    kill -KILL "$pid"
    cluster_emptied "$1"
}

# Until no server process is left: they work in their data folder, and outlive a killed parent by a moment.
cluster_emptied() {
    local tries=0
    while as "$SERVER_USER" find /proc -maxdepth 2 -name cwd -lname "$1/data" 2>/dev/null | grep -q .; do
        ((tries += 1))
        ((tries < 300)) || {
            warn "processes of an earlier server still work in $1/data"
            return 1
        }
        sleep 0.1
    done
}

# cluster_psql FOLDER [ARGUMENTS]: as the superuser, over the socket.
cluster_psql() {
    local at=$1
    shift
    "$(prefix_bin "$at/prefix")/psql" -X -v ON_ERROR_STOP=1 \
        -h "$(cluster_socket "$at")" -p "$(cluster_port "$at")" -U postgres "$@"
}

cluster_last_words() {
    local file
    for file in start.log $(as "$SERVER_USER" ls -t "$1/log" 2>/dev/null | grep '^server-' | head -n 1); do
        as "$SERVER_USER" cat "$1/log/$file" 2>/dev/null | tail -n 20 >&2 || true
    done
}

cluster_remove() {
    local socket
    socket=$(cluster_socket "$1")
    [[ $socket == "$1"/* || ! -O $socket ]] || rm -rf "$socket"
    rm -rf "$1"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    folder=${2:?usage: cluster.sh make|start|stop|restart|crash|psql|remove FOLDER …}
    case $1 in
        make) cluster_make "${@:2}" ;;
        remove) cluster_stop "$folder" immediate && cluster_remove "$folder" ;;
        start) cluster_start "$folder" ;;
        stop) cluster_stop "$folder" ;;
        restart) cluster_stop "$folder" && cluster_start "$folder" ;;
        crash) cluster_crash "$folder" ;;
        psql) cluster_psql "$folder" "${@:3}" ;;
        *) die "cluster.sh: no such verb: $1" ;;
    esac
fi
