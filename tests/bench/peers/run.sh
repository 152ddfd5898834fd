#!/usr/bin/env bash
# Owns the comparison with the stacks that UCRM replaces: the same rows, keys, server, machine and number of clients, in turn.
# Must never measure a peer that answers anything else than UCRM, nor hold one back.
# Called by .make/bench-peers.sh, which made PEERS (their folder) and PEERS_NODE.
# BENCH_TENANTS (1000) × BENCH_ROWS (1000) contacts, BENCH_CLIENTS (8), BENCH_ROUNDS (5) of BENCH_SECONDS (5).
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
here=$(dirname "$peers")
root=$(cd "$here/../.." && pwd)
BENCH_SECONDS=${BENCH_SECONDS:-5}
# shellcheck source=tests/bench/measure.sh
source "$here/measure.sh"
# shellcheck source=.make/ports.sh
source "$root/.make/ports.sh"
measure_open peers

tenants=${BENCH_TENANTS:-1000}
each=${BENCH_ROWS:-1000}
rounds=${BENCH_ROUNDS:-5}

# peer NAME SCRIPT [SETTING…]: starts one; sets URL_NAME.
declare -A url=([ucrm]=$UCRM_URL)
running=()
peer() {
    local name=$1 port tries=0
    port=$(port_free)
    # It ends with us, however we end: its standard input does.
    env "${@:3}" NODE_ENV=production GRAPHILE_ENV=production BETTER_AUTH_TELEMETRY=0 BETTER_AUTH_SECRET="$secret" \
        PEER_DATABASE_URL="$database" PEER_POOL="$clients" PEER_PORT="$port" \
        "$PEERS_NODE" "$PEERS/$2.ts" <"$work/held" >"$to/$name.log" 2>&1 {held}>&- &
    running+=("$!")
    until port_taken 127.0.0.1 "$port"; do
        if ! kill -0 "${running[-1]}" 2>/dev/null || ((tries++ > 600)); then
            tail -n 20 "$to/$name.log" >&2
            die "$name did not start"
        fi
        sleep 0.1
    done
    url[$name]=http://127.0.0.1:$port
}

stop() {
    ((${#running[@]} == 0)) || kill "${running[@]}" 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT

# asked URL PATH BODY: requests a second.
asked() {
    wrk -t 2 -c "$clients" -d "${seconds}s" --timeout 30s -s "$peers/requests.lua" "$1" -- "$2" "$3" "$tenants" >"$work/out" 2>&1 || true
    awk '/^requests [0-9]+ in/ { print $2 * 1e6 / $4; found = 1 } END { exit !found }' "$work/out" || {
        tail -n 8 "$work/out" >&2
        die "requests of $1$2 failed"
    }
}

# operation NAME [VARIABLES]: the body for PostGraphile.
operation() {
    printf '{"query": "%s", "variables": %s}' "$(sed -n "s/^$1\t//p" "$work/operations")" "${2:-null}"
}

contact='{"name": "Created", "email": "created@bench.example", "phone": "+49 30 123456", "stage": "lead"}'
measure() {
    case $1 in
        graphile_list) asked "${url[graphile]}" /graphql "$(operation list)" ;;
        graphile_counted) asked "${url[graphile]}" /graphql "$(operation counted_list)" ;;
        graphile_create) asked "${url[graphile]}" /graphql "$(operation create "{\"contact\": $contact}")" ;;
        *_create) asked "${url[${1%_*}]}" /api/v1/contacts "$contact" ;;
        *_counted) asked "${url[${1%_*}]}" "/api/v1/contacts?limit=20&count=exact" - ;;
        *_list) asked "${url[${1%_*}]}" "/api/v1/contacts?limit=20" - ;;
    esac
}

say "$tenants tenants with $each contacts each"
load 1 "$tenants" "$each"
index_search
peer_password=$(od -An -N 24 -tx1 /dev/urandom | tr -d ' \n')
admin -q -c 'create database peer'
{
    printf "\\set peer_password '%s'\n" "$peer_password"
    printf '\\i %q\n' "$peers/scene.sql"
} | admin -q -d peer -v tenants="$tenants"
# carried COLUMNS FROM TO: rows of UCRM's database become the peers'.
carried() { admin -q -c "\\copy (select $1 from $2) to stdout" | admin -q -d peer -c "\\copy $3 ($1) from stdin"; }
carried "id, name" ucrm.tenants peer_auth.tenants
carried "tenant_id, user_id, role" ucrm.tenant_memberships peer_auth.members
carried "tenant_id, id, name" crm.organizations peer_auth.organizations
carried "tenant_id, id, name, email, phone, stage, organization_id, owner_id, notes, custom, external_id, created_at, updated_at, archived_at" \
    crm.contacts peer.contacts
admin -q -d peer -c 'alter table peer.contacts enable trigger record' -c 'vacuum (analyze)' -c checkpoint
admin -q -c 'vacuum (analyze)'

say "peers"
mkfifo "$work/held"
exec {held}<>"$work/held"
secret=$(od -An -N 24 -tx1 /dev/urandom | tr -d ' \n')
database=postgresql://peer_app:$peer_password@$PGHOST:$PGPORT/peer
peer fastify fastify
peer kept fastify PEER_KEYS=memory
peer graphile postgraphile
"$PEERS_NODE" "$PEERS/operations.ts" >"$work/operations"
PEER_FASTIFY_URL=${url[fastify]} PEER_KEPT_URL=${url[kept]} PEER_GRAPHILE_URL=${url[graphile]} "$PEERS_NODE" "$PEERS/check.ts" "$tenants"
recorded=$(admin -A -t -d peer -c "select (select count(*) from peer_auth.audit_logs) || ' ' || (select count(*) from peer_auth.events)")
[[ $recorded == "9 9" ]] || die "the peers' nine contacts left $recorded records and events"
seen=$(PGPASSWORD=$peer_password psql -X -A -t -U peer_app -d peer -c 'select count(*) from peer.contacts')
[[ $seen == 0 ]] || die "without a tenant the peers see $seen contacts"
admin -q -d peer -c "delete from peer.contacts where email = 'checked@bench.example'"

# What the first seconds cost is not what a server that runs costs.
say "warming up"
for variant in fastify_list kept_list graphile_list fastify_create kept_create graphile_create; do
    measure "$variant" >/dev/null
done
compare "list of 20" ucrm_list fastify_list kept_list graphile_list
compare "list of 20 with its total" fastify_counted graphile_counted
compare "create" ucrm_create fastify_create kept_create graphile_create

version() { "$PEERS_NODE" -p "require('$PEERS/node_modules/$1/package.json').version"; }
report peers "$peers/wanted.tsv" "$peers/notes.md" peers <<END
# Beside the stacks UCRM replaces

$((tenants * each)) contacts in $tenants tenants, $clients connections of wrk, $rounds rounds of $seconds s in turn; medians, and the median of the rounds' ratios. \
$(machine). Node $("$PEERS_NODE" -p process.versions.node), Fastify $(version fastify), better-auth $(version better-auth), Prisma $(version @prisma/client) \
with @prisma/adapter-pg $(version @prisma/adapter-pg), PostGraphile $(version postgraphile), pg $(version pg).
END
