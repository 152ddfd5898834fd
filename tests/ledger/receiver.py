"""A receiver of webhooks, alive through all the killing of others.

Owns a socket of 127.0.0.1 and what came in over it; must never answer anything but that it has it.
Started by books.py, which compares what came with the outbox.
"""
import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """The messages, in the order of their first arrival."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Message)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        self.key = None
        self.lock = threading.Lock()
        # id of the message: the record, and its body.
        self.taken = {}
        self.again = 0
        self.faults = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def signed_with(self, secret):
        """whsec_ and base64, as Standard Webhooks writes it."""
        self.key = base64.b64decode(secret.removeprefix("whsec_"))

    def take(self, headers, body):
        """A message that is what it says, once more or for the first time."""
        name, at = headers["webhook-id"], headers["webhook-timestamp"]
        event = json.loads(body)
        wanted = base64.b64encode(hmac.digest(self.key, f"{name}.{at}.".encode() + body, hashlib.sha256)).decode()
        with self.lock:
            if f"v1,{wanted}" not in headers["webhook-signature"].split() or abs(time.time() - int(at)) > 300:
                self.faults.append(f"{name} is not signed with the webhook's secret")
            if event["id"] != name:
                self.faults.append(f"{name} brings the event {event['id']}")
            known = self.taken.setdefault(name, (event["type"].split(".")[0], event.get("subject"), body))
            if known[2] != body:
                self.faults.append(f"{name} came again with another body")
            self.again += known[2] is not body


class Message(BaseHTTPRequestHandler):
    """One delivery."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.take(self.headers, body)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass
