#!/usr/bin/env bash
# Owns the tests with other people's clients: a workspace of their own, then each client's file, one line a test.
# Must never touch the demo's workspaces, nor change a client.
# Called by .make/suite.sh, with the environment of .make/stage.sh and CLIENTS of .make/clients.sh.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# PGDATABASE_: another database than the stage's.
sql() {
    PGHOST=$UCRM_TEST_PGSOCKET PGPORT=$UCRM_PGPORT PGUSER=postgres PGDATABASE=${PGDATABASE_:-$UCRM_PGDATABASE} PGOPTIONS='-c client_min_messages=warning' \
        "$UCRM_TEST_PGBIN/psql" -XqAt -v ON_ERROR_STOP=1 "$@"
}
# shellcheck source=tests/clients/hooks.sh
source "$here/hooks.sh"
cleared() { sql -f "$here/clear.sql"; }
cleared || exit
trap 'cleared; hooks_close' EXIT
made=$(sql -f "$here/scene.sql") || exit
while IFS='=' read -r name value; do export "$name=$value"; done <<<"$made"
export REST_URL=$UCRM_URL/rest/v1 GUIDE=$here/../../gateway/WEBHOOKS.md
hooks_open || exit

status=0
for file in "$here"/*.test.mjs; do
    # Node's own numbering starts anew in each file; what counts is the line.
    "$CLIENTS/bin/node" --test --test-reporter=tap "$CLIENTS/${file##*/}" || status=1
done
for file in "$here"/*_test.py; do
    "$CLIENTS/venv/bin/python" "$CLIENTS/${file##*/}" || status=1
done
exit "$status"
