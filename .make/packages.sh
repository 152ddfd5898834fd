# shellcheck shell=bash
# Owns the system packages: which are missing, and how they get here.
# Must never change what is already installed, nor leave a server running that nobody asked for.
# Sourced by run.sh, test.sh and bench.sh.

# package=a file that proves it is there
PACKAGES_RUN=(
    "gcc=/usr/bin/cc"
    "libc6-dev=/usr/include/stdlib.h"
    "curl=/usr/bin/curl"
    "postgresql-15=/usr/lib/postgresql/15/bin/postgres"
    "postgresql-server-dev-15=/usr/include/postgresql/15/server/postgres.h"
    "libclang-dev=/usr/lib/llvm-*/lib/libclang*.so*"
)
# What building cargo-pgrx links to.
PACKAGES_TOOLS=(
    "pkg-config=/usr/bin/pkg-config"
    "libssl-dev=/usr/include/openssl/ssl.h"
)
PACKAGES_TEST=(
    "postgresql-15-pgtap=/usr/share/postgresql/15/extension/pgtap.control"
    "libtap-parser-sourcehandler-pgtap-perl=/usr/bin/pg_prove"
    "postgresql-15-wal2json=/usr/lib/postgresql/15/lib/wal2json.so"
    "postgresql-15-plpgsql-check=/usr/share/postgresql/15/extension/plpgsql_check.control"
    "shellcheck=/usr/bin/shellcheck"
    "python3-aiosmtpd=/usr/lib/python3/dist-packages/aiosmtpd/__init__.py"
    "openssl=/usr/bin/openssl"
    "oathtool=/usr/bin/oathtool"
    "python3-venv=/usr/lib/python3*/ensurepip/__init__.py"
)
PACKAGES_BENCH=(
    "pgbouncer=/usr/sbin/pgbouncer"
    "wrk=/usr/bin/wrk"
)

# packages PACKAGE=FILE…
packages() {
    local entry missing=()
    for entry in "$@"; do
        compgen -G "${entry#*=}" >/dev/null || missing+=("${entry%%=*}")
    done
    ((${#missing[@]})) || return 0

    local root=()
    if [[ $ME != root ]]; then
        if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
            die "these packages are missing: ${missing[*]}
      Neither root nor sudo is at hand. Ask for: apt-get install -y ${missing[*]}"
        fi
        root=(sudo)
    fi
    command -v apt-get >/dev/null || die "these packages are missing, and there is no apt-get: ${missing[*]}"
    line packages "installing ${missing[*]}"
    # In the foreground, because sudo may have to ask.
    "${root[@]}" sh -euc "$PACKAGES_SCRIPT" sh "${missing[@]}" >>"$STATE/log/packages.log" 2>&1 9>&- || {
        show_log "$STATE/log/packages.log"
        die "apt-get could not install ${missing[*]}"
    }
}

# Debian starts a server of its own when postgresql-15 is installed, unless told otherwise.
# shellcheck disable=SC2016
PACKAGES_SCRIPT='
    export DEBIAN_FRONTEND=noninteractive
    dropin=/etc/postgresql-common/createcluster.d/ucrm.conf
    if [ ! -e /usr/lib/postgresql/15/bin/postgres ]; then
        mkdir -p "${dropin%/*}"
        echo "create_main_cluster = false" >"$dropin"
        trap "rm -f $dropin" EXIT
    fi
    apt-get -o DPkg::Lock::Timeout=300 -q update
    apt-get -o DPkg::Lock::Timeout=300 -q install -y --no-install-recommends "$@"
'
