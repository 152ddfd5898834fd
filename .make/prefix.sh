# shellcheck shell=bash
# Owns a relocated PostgreSQL: copied programs, linked libraries and share files, our extension among them.
# Must never write to the system's PostgreSQL.
# Sourced by cluster.sh.
#
# PostgreSQL finds lib and share relative to its own program when that lies in a tree shaped like the
# one it was built for (src/port/path.c), so a copied bin/ with links beside it is a whole installation.

SYSTEM_BIN=/usr/lib/postgresql/15/bin
SYSTEM_LIB=/usr/lib/postgresql/15/lib
SYSTEM_SHARE=/usr/share/postgresql/15

prefix_bin() { printf '%s/lib/postgresql/15/bin' "$1"; }

# prefix_make PREFIX: copies and links; again after an upgrade of the system's packages.
prefix_make() {
    local bin=$1/lib/postgresql/15/bin lib=$1/lib/postgresql/15/lib share=$1/share/postgresql/15 entry
    if ! cmp -s "$SYSTEM_BIN/postgres" "$bin/postgres"; then
        rm -rf "$bin"
        mkdir -p "$bin"
        cp -a "$SYSTEM_BIN/." "$bin/"
    fi
    mkdir -p "$lib" "$share/extension"
    ln -sfn -t "$lib" "$SYSTEM_LIB"/*
    ln -sfn -t "$share/extension" "$SYSTEM_SHARE"/extension/*
    for entry in "$SYSTEM_SHARE"/*; do
        [[ $entry == */extension ]] || ln -sfn -t "$share" "$entry"
    done
}

# prefix_install PREFIX PACKAGE: puts our extension in place, file by file by rename,
# so that a running server keeps the library it has mapped.
prefix_install() {
    local file folder
    rm -f "$1"/share/postgresql/15/extension/ucrm{.control,--*.sql}
    for file in "$2"/ucrm.so "$2"/ucrm.control "$2"/ucrm--*.sql; do
        folder=$1/share/postgresql/15/extension
        [[ $file == *.so ]] && folder=$1/lib/postgresql/15/lib
        cp "$file" "$folder/.new"
        mv -f "$folder/.new" "$folder/${file##*/}"
    done
}
