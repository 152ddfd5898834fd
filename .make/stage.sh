# shellcheck shell=bash
# Owns a private stage for tests and measurements: a fresh cluster, demo data and a gateway on free ports.
# Must never meet a running make run or another clone: own folder, own ports, own lock.
# Sourced by test.sh and bench.sh, whose programs get the environment that stage_open exports.

# stage_open NAME [SETTINGS]: PostgreSQL settings, one a line. Sets STAGE.
stage_open() {
    STAGE=$STATE/$1
    local log=$STATE/log/$1.log listen admin
    : >"$log"
    stage_close
    own_folder 0755 "$ME" "$STAGE"
    cp -r "$PACKAGE" "$STAGE/package"
    build_done
    cluster_make "$STAGE" "$STAGE/package" "$(port_free)" "${2:-}"
    if ! cluster_start "$STAGE" || ! UCRM_DEMO=1 database_make "$STAGE" "$log"; then
        show_log "$log"
        return 1
    fi
    listen=127.0.0.1:$(port_free)
    admin=127.0.0.1:$(port_free)
    gateway_make "$STAGE" "$STAGE/package"
    gateway_start "$STAGE" "$listen" "$admin"
    gateway_wait "$admin" || {
        show_log "$STAGE/gateway.log"
        return 1
    }
    stage_env "http://$listen" "http://$admin"
    line "$1" "PostgreSQL on 127.0.0.1:$(cluster_port "$STAGE"), gateway on $listen"
}

# What the tests' programs find in their environment, beside the names of demo.env.
stage_env() {
    (umask 077 && database_env "$STAGE" "$1" "$2" >"$STAGE/demo.env")
    # shellcheck disable=SC2016
    printf '#!/usr/bin/env bash\nexec %q "$1" %q "${@:2}"\n' "$ROOT/.make/cluster.sh" "$STAGE" >"$STAGE/ctl"
    chmod 0755 "$STAGE/ctl"
    set -a
    # shellcheck disable=SC1091
    source "$STAGE/demo.env"
    UCRM_TEST_ENV=$STAGE/demo.env
    UCRM_TEST_DIR=$STAGE
    UCRM_TEST_PACKAGE=$STAGE/package
    UCRM_TEST_PGBIN=$(prefix_bin "$STAGE/prefix")
    UCRM_TEST_PGDATA=$STAGE/data
    UCRM_TEST_PGSOCKET=$(cluster_socket "$STAGE")
    UCRM_TEST_CLUSTER_CTL=$STAGE/ctl
    UCRM_TEST_GATEWAY_BIN=$STAGE/ucrm-gateway
    UCRM_TEST_GATEWAY_PID=$GATEWAY
    UCRM_TEST_GATEWAY_LOG=$STAGE/gateway.log
    UCRM_TEST_DATABASE_URL_FILE=$STAGE/gateway/database-url
    set +a
}

# Leaves its logs and nothing else: the next stage starts from nothing too.
stage_close() {
    [[ -n ${STAGE:-} && -d $STAGE ]] || return 0
    local logs=$STATE/log/${STAGE##*/}-servers folder
    gateway_stop "$STAGE"
    for folder in "$STAGE" "$STAGE"/*/; do
        cluster_stop "${folder%/}" immediate
    done
    rm -rf "$logs"
    mkdir "$logs"
    cp "$STAGE"/gateway.log* "$STAGE"/log/* "$logs/" 2>/dev/null || true
    cluster_remove "$STAGE"
}
