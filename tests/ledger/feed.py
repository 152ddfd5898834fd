"""Pollers: clients that follow GET /api/v1/events while everything dies.

Owns what each has seen; must never skip or forget: a lost reply is asked for again.
Started by books.py, one thread each.
"""
import os
import threading
import time
from urllib.parse import urlencode

from writers import Http, Lost

NONE = "00000000-0000-0000-0000-000000000000"


class Poller(threading.Thread):
    """Reads the feed from its beginning, `limit` at a time."""

    def __init__(self, name, limit, resource=None):
        super().__init__(name=name)
        self.limit = limit
        self.resource = resource
        self.after = NONE
        self.seen = []
        self.faults = []
        self.until = None
        self.given_up = threading.Event()
        self.http = Http(os.environ["ACME_OWNER_KEY"])

    def run(self):
        while not self.given_up.is_set() and (self.until is None or self.after < self.until):
            asked = {"after": self.after, "limit": self.limit}
            if self.resource:
                asked["resource"] = self.resource
            try:
                status, _, told = self.http.ask("GET", "events?" + urlencode(asked))
            except Lost:
                continue
            if status != 200:
                self.faults.append(f"{self.name} was told {status} {told}")
                return
            self.seen += [event["id"] for event in told["data"]]
            self.after = told["meta"]["next_after"]
            if len(told["data"]) < self.limit:
                time.sleep(0.1)
