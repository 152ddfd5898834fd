# shellcheck shell=bash
# Owns how deliveries of webhooks are measured: a receiver on this machine, and the stage's gateway, which reaches it.
# Must never leave a webhook or the receiver behind.
# Sourced by run.sh.

# webhook_open: sets SINK, its process, and the port it listens on.
webhook_open() {
    mkfifo "$work/port"
    "$WEBHOOK_SINK" >"$work/port" &
    SINK=$!
    read -r sink_port <"$work/port"
    admin -q -c "select ucrm.set('webhook_internal', 'true')" >/dev/null
}

webhook_close() {
    kill "$SINK"
    admin -q -c "delete from ucrm.settings where name = 'webhook_internal' and not builtin"
}

# deliveries ENDPOINTS: how many a second, of events that have all happened already, one a record.
deliveries() { admin -qAt -v port="$sink_port" -v endpoints="$1" -v events=$((20000 / $1)) -f "$here/webhook.sql"; }
