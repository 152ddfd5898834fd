"""What wal2json (format 2) says of ucrm.events on standard input, a line each, as CloudEvents 1.0, a line each.

pg_recvlogical -d ucrm --slot events --start -o format-version=2 -o add-tables=ucrm.events -f - | python3 cloud_events.py
"""

import json
import sys
from datetime import datetime, timezone


def cloud_event(change):
    row = {c["name"]: c["value"] for c in change["columns"]}
    event = {
        "specversion": "1.0",
        "id": row["id"],
        "source": f"/tenants/{row['tenant_id']}",
        "type": row["type"],
        "subject": row["record_id"],
        "time": datetime.fromisoformat(row["at"]).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "datacontenttype": "application/json",
        "tenantid": row["tenant_id"],
        "requestid": row["request_id"],
    }
    event = {name: value for name, value in event.items() if value is not None}
    for name in ("data", "changes"):
        event[name] = row[name] and json.loads(row[name])
    return event


def headers(event):
    """Of the binary mode, for brokers: what routes and filters does not open the body."""
    return {f"ce-{name}": value for name, value in event.items() if name not in ("data", "changes", "datacontenttype")}


if __name__ == "__main__":
    for line in sys.stdin:
        change = json.loads(line)
        # Pruning deletes; nothing else than an insert is an event.
        if change["action"] == "I":
            event = cloud_event(change)
            print(json.dumps({"headers": headers(event), "event": event}), flush=True)
