#!/usr/bin/env bash
# Owns the proof that the documented journey works: the shell blocks of gateway/ACCOUNTS.md, one after the other, as a
# newcomer would paste them.
# Must never know more than the document says; the demo's names come from the stage's demo.env.
# Called by .make/suite.sh, with the environment of .make/stage.sh.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit
mkdir .ucrm && cp "$UCRM_TEST_ENV" .ucrm/demo.env

# One script: a block sees what the ones before it defined. Each line of it has to succeed.
awk '
    /^## / { told = ($0 == "## The journey") }
    told && /^```sh$/ { inside = 1; blocks++; next }
    inside && /^```$/ { inside = 0; printf "echo \"ok - block %d of the journey\"\n", blocks; next }
    inside { print }
    END { printf "echo blocks %d\n", blocks }
' "$root/gateway/ACCOUNTS.md" >journey.sh
env -i PATH="$PATH" HOME="$work" LC_ALL=C.UTF-8 bash -eo pipefail journey.sh >said 2>&1
status=$?
grep '^ok - ' said
blocks=$(awk '/^blocks / { print $2 }' said)
if ((status)) || [[ $(grep -c '^ok - ' said) != "${blocks:-none}" ]]; then
    printf 'not ok - the journey as it is written\n'
    tail -n 20 said | sed 's/^/# /'
    exit 1
fi
for expected in totp_required '"role": "agent"' '"state": "trial"'; do
    if grep -qF -- "$expected" said; then
        printf 'ok - the journey shows %s\n' "$expected"
    else
        printf 'not ok - the journey shows %s\n' "$expected"
        status=1
    fi
done
exit "$status"
