# shellcheck shell=bash
# Owns where things are and who runs them: the clone, its state folder, the users of server and gateway.
# Must never create a folder whose parent others can write to without checking who owns it.
# Sourced by every other script here.

umask 022
unset CDPATH MAKEFLAGS MFLAGS MAKELEVEL RUST_BACKTRACE RUST_LIB_BACKTRACE
for name in "${!PG@}"; do
    [[ $name == PGRX_* ]] || unset "$name"
done
unset name

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT" || exit
ME=$(id -un)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
[[ $TARGET == /* ]] || TARGET=$ROOT/$TARGET

# PostgreSQL refuses root, and the gateway needs no file of the server's.
SERVER_USER=$ME
GATEWAY_USER=$ME
if [[ $(id -u) == 0 ]]; then
    SERVER_USER=postgres
    GATEWAY_USER=nobody
fi

# become USER: sets BECOME to the words that run a command as that user with nothing of our environment.
become() {
    BECOME=()
    [[ $1 == "$ME" ]] || BECOME=(setpriv "--reuid=$1" "--regid=$(id -g "$1")" --init-groups --)
    BECOME+=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8 TZ=UTC)
}

# as USER COMMAND…: in /, because that user may not be able to look at where we are.
as() {
    become "$1"
    (cd / && exec "${BECOME[@]}" "${@:2}")
}

# own_folder MODE USER PATH: a folder that belongs to that user alone.
own_folder() {
    if [[ -L $3 || (-e $3 && ! -d $3) ]]; then
        die "$3 should be a folder"
    fi
    if [[ ! -d $3 ]]; then
        mkdir -m 0700 "$3"
        [[ $2 == "$ME" ]] || chown "$2:" "$3"
    fi
    [[ $(stat -c %U "$3") == "$2" ]] \
        || die "$3 belongs to $(stat -c %U "$3"), not to $2: start as the user who made it, or 'make clean' as root"
    chmod "$1" "$3"
}

# The users a root's server and gateway become are strangers to the clone's folder.
strangers_reach() { setpriv --reuid=65534 --regid=65534 --clear-groups -- test -x "$1"; }

far_folder() { printf '/var/lib/ucrm-%s' "$(printf %s "$ROOT" | sha256sum | cut -c 1-12)"; }

# Sets STATE: .ucrm in the clone, or the folder it points to. Creates nothing.
state_find() {
    STATE=$ROOT/.ucrm
    FAR=
    if [[ -L $STATE ]]; then
        FAR=$(readlink "$STATE")
        # A copied clone must not use its original's data; a moved one keeps its own.
        if [[ $(cat "$FAR/clone" 2>/dev/null) != "$ROOT" && -d $(cat "$FAR/clone" 2>/dev/null || echo /) ]]; then
            FAR=$(far_folder)
        fi
    elif [[ ! -d $STATE && $ME == root ]]; then
        if ((${#ROOT} > 60)) || ! strangers_reach "$ROOT"; then
            FAR=$(far_folder)
        fi
    fi
    STATE=${FAR:-$STATE}
}

state_make() {
    state_find
    if [[ -n $FAR ]]; then
        [[ $ME == root ]] || die "$ROOT/.ucrm was made by root: start as root, or 'make clean' as root"
        own_folder 0755 root "$FAR"
        printf %s "$ROOT" >"$FAR/clone"
        ln -sfn "$FAR" "$ROOT/.ucrm"
    else
        own_folder 0755 "$ME" "$STATE"
        if [[ $ME == root ]] && ! strangers_reach "$STATE"; then
            die "$STATE cannot be reached by the server's user: 'make clean' and start again"
        fi
    fi
    own_folder 0700 "$ME" "$STATE/log"
}

# lock NAME: one process a clone; fd 9 is closed for everything that outlives us.
lock() {
    exec 9>>"$STATE/$1.lock"
    flock -n 9 || die "'make $1' is already running in this clone (process $(cat "$STATE/$1.lock"))"
    printf %s "$$" >"$STATE/$1.lock"
}

random_hex() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }
