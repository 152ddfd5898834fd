#!/usr/bin/env bash
# Owns `make clean`: stops what runs from this clone, then removes the state folder and the build.
# Must never remove a folder that another clone or another user made.
# Called by the Makefile.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
for part in say place ports cluster gateway; do
    # shellcheck disable=SC1090
    source "$here/$part.sh"
done

# The process that holds a lock stops its servers itself.
clean_holder() {
    local tries=0
    while ! flock -n "$1" true; do
        if ((tries == 0)); then
            kill -TERM "$(cat "$1")" || die "process $(cat "$1") is running and belongs to somebody else"
        fi
        ((tries += 1))
        ((tries < 600)) || die "process $(cat "$1") does not stop"
        sleep 0.1
    done
}

state_find
if [[ -d $STATE ]]; then
    [[ -O $STATE || $ME == root ]] || die "$STATE belongs to $(stat -c %U "$STATE")"
    if [[ -n $FAR && $(cat "$FAR/clone") != "$ROOT" ]]; then
        die "$FAR is another clone's"
    fi
    for file in "$STATE"/*.lock; do
        [[ ! -e $file ]] || clean_holder "$file"
    done
    for folder in "$STATE"/*/; do
        [[ ! -d $folder/data ]] || {
            # Root may clean up after others, as whoever the server ran as.
            SERVER_USER=$(stat -c %U "$folder/data")
            gateway_stop "${folder%/}"
            cluster_stop "${folder%/}"
            cluster_remove "${folder%/}"
        }
    done
    rm -rf "$STATE"
fi
# A target folder elsewhere may be other projects' too.
rm -rf "$ROOT/.ucrm" "$ROOT/target"
say "Removed .ucrm and target."
