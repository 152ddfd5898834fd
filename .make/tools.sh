# shellcheck shell=bash
# Owns the Rust toolchain check and cargo-pgrx, in a folder that later runs and other clones reuse.
# Must never touch ~/.pgrx or replace a cargo-pgrx that somebody else installed.
# Sourced by run.sh, test.sh and bench.sh.

TOOLS=${UCRM_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/ucrm}

# The version that Cargo.toml pins: cargo-pgrx refuses any other.
pgrx_version() { sed -n 's/^pgrx = .*"=\([0-9.]*\)".*/\1/p' "$ROOT/ucrm_ext/Cargo.toml"; }

# Sets CARGO_PGRX.
tools() {
    command -v cargo >/dev/null || die "cargo is not on the PATH. Install Rust (https://rustup.rs), or, if it is
      another user's, run make as that user: it calls sudo itself for what needs it"
    local version candidate
    version=$(pgrx_version)
    for candidate in "$(command -v cargo-pgrx || true)" "$TOOLS/bin/cargo-pgrx"; do
        if [[ -x $candidate && $("$candidate" pgrx --version 2>/dev/null) == "cargo-pgrx $version" ]]; then
            CARGO_PGRX=$candidate
            return 0
        fi
    done
    packages "${PACKAGES_TOOLS[@]}"
    mkdir -p "$TOOLS"
    # It works for a fifth of a second in a build: optimizing it would take longer than all else together.
    step tools "$STATE/log/tools.log" env CARGO_TERM_COLOR=never CARGO_PROFILE_DEV_DEBUG=0 "CARGO_TARGET_DIR=$TOOLS/build" \
        cargo install cargo-pgrx --version "=$version" --locked --debug --root "$TOOLS" || {
        show_log "$STATE/log/tools.log"
        die "cargo-pgrx $version could not be built"
    }
    rm -rf "$TOOLS/build"
    CARGO_PGRX=$TOOLS/bin/cargo-pgrx
}

# What rustup's minimal profile leaves out.
tools_lint() {
    local missing=()
    command -v cargo-fmt >/dev/null && cargo fmt --version >/dev/null 2>&1 || missing+=(rustfmt)
    command -v cargo-clippy >/dev/null && cargo clippy --version >/dev/null 2>&1 || missing+=(clippy)
    ((${#missing[@]})) || return 0
    command -v rustup >/dev/null || die "these parts of Rust are missing: ${missing[*]}"
    step tools "$STATE/log/tools.log" rustup component add "${missing[@]}"
}
