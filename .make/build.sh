# shellcheck shell=bash
# Owns the build: library, install script and gateway, in the release profile, from one cargo call.
# Must never install anything.
# Sourced by run.sh, test.sh and bench.sh.

PACKAGE=$TARGET/package

# Builds and gathers in $PACKAGE what an installation consists of. Fd 8 holds it until build_done,
# so that make run and make test of one clone do not mix their files.
build() {
    local log=$STATE/log/build.log
    mkdir -p "$TARGET"
    exec 8>"$TARGET/package.lock"
    flock 8
    : >"$log"
    if ! step build "$log" env CARGO_TERM_COLOR=never cargo build --release -p ucrm -p ucrm-gateway \
        || ! build_package >>"$log" 2>&1; then
        show_log "$log" 60
        warn "the build failed; the whole log is $log"
        return 1
    fi
}

build_done() { exec 8>&-; }

build_package() {
    rm -rf "$PACKAGE" && mkdir -p "$PACKAGE" \
        && cp "$TARGET/release/ucrm-gateway" "$PACKAGE/" && build_extension
}

# What `cargo pgrx install` would copy, without a second build.
build_extension() {
    local version script
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$ROOT/Cargo.toml" | head -n 1)
    cp "$TARGET/release/libucrm.so" "$PACKAGE/ucrm.so" || return
    sed "s/@CARGO_VERSION@/$version/" "$ROOT/ucrm_ext/ucrm.control" >"$PACKAGE/ucrm.control"
    for script in "$ROOT"/ucrm_ext/sql/ucrm--*--*.sql; do
        [[ ! -e $script ]] || cp "$script" "$PACKAGE/" || return
    done
    NO_COLOR=1 PGRX_PG_CONFIG_PATH=${PGRX_PG_CONFIG_PATH:-/usr/lib/postgresql/15/bin/pg_config} \
        "$CARGO_PGRX" pgrx schema -p ucrm --release --skip-build -o "$PACKAGE/ucrm--$version.sql"
}
