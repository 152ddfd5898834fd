"""PyPI's standardwebhooks, as it is published: a receiver written with it takes what UCRM sends, and UCRM what it signs."""

import base64
import json
import os
import queue
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import httpx
import told
from standardwebhooks import webhooks
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

HEARD = queue.Queue()
TENANT = os.environ["HOOKS_TENANT"]
API = httpx.Client(base_url=os.environ["HOOKS_URL"] + "/api/v1/", headers={"x-api-key": os.environ["HOOKS_KEY"]})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()
        HEARD.put((body, dict(self.headers)))

    def log_message(self, *_):
        pass


def api(method, path, body=None):
    reply = API.request(method, path, json=body)
    assert reply.is_success, (method, path, reply.status_code, reply.text)
    return reply.json()["data"] if reply.content else None


def heard():
    return HEARD.get(timeout=20)


class Later(datetime):
    """Six minutes on."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(minutes=6)


class StandardWebhooks(unittest.TestCase):
    made = 0

    @classmethod
    def setUpClass(cls):
        cls.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        cls.server.daemon_threads = True
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.webhook = api("POST", "webhooks", {"url": f"http://127.0.0.1:{cls.server.server_port}/", "events": ["roles.*"]})

    @classmethod
    def tearDownClass(cls):
        api("DELETE", f"webhooks/{cls.webhook['id']}")
        cls.server.shutdown()

    def happen(self):
        StandardWebhooks.made += 1
        return api("POST", "roles", {"name": f"pypi_{self.made}", "label": 'Ünïcode ✓ "quoted"'})

    def refuses(self, secret, body, headers):
        with self.assertRaises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)

    def test_a_receiver_takes_an_event(self):
        role = self.happen()
        body, headers = heard()
        event = Webhook(self.webhook["secret"]).verify(body, headers)
        self.assertEqual((event["type"], event["data"]["name"], event["tenantid"]), ("roles.created", role["name"], TENANT))
        self.assertEqual(headers["ce-tenantid"], TENANT)

    def test_altered_and_replayed_messages_are_refused(self):
        self.happen()
        body, headers = heard()
        secret = self.webhook["secret"]
        self.refuses(secret, body.replace(b"roles.created", b"roles.deleted"), headers)
        self.refuses(secret, body, headers | {"webhook-id": "another"})
        self.refuses(secret, body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)})
        self.refuses(secret, body, headers | {"webhook-signature": "v1,bm90IHRoaXM="})
        self.refuses("whsec_" + base64.b64encode(b"another secret of 32 bytes, or so").decode(), body, headers)
        Webhook(secret).verify(body, headers)
        with mock.patch.object(webhooks, "datetime", Later):
            self.refuses(secret, body, headers)

    def test_either_secret_is_good_while_a_rotation_lasts(self):
        before = self.webhook["secret"]
        rotated = api("POST", f"webhooks/{self.webhook['id']}/rotate", {"overlap_hours": 1})["secret"]
        self.happen()
        message = heard()
        for secret in (before, rotated):
            Webhook(secret).verify(*message)
        now = api("POST", f"webhooks/{self.webhook['id']}/rotate", {"overlap_hours": 0})["secret"]
        self.happen()
        message = heard()
        Webhook(now).verify(*message)
        for secret in (before, rotated):
            self.refuses(secret, *message)
        self.webhook["secret"] = now

    def test_ucrm_takes_what_it_signs_once(self):
        def send(message, age, body, signed=None):
            at = datetime.now(timezone.utc) - timedelta(minutes=age)
            signature = Webhook(os.environ["INBOUND_SECRET"]).sign(message, at, signed or body)
            headers = {"content-type": "application/json", "webhook-id": message, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
            return httpx.post(os.environ["HOOKS_URL"] + "/api/v1/shop", content=body, headers=headers).status_code

        body = json.dumps({"order": 1, "at": time.time()})
        self.assertEqual(send("pypi_1", 0, body), 201)
        self.assertEqual(send("pypi_1", 0, body), 200)
        self.assertEqual(send("pypi_2", 0, body, body + " "), 401)
        self.assertEqual(send("pypi_2", 6, body), 401)
        self.assertEqual(send("pypi_2", 0, body), 201)


if __name__ == "__main__":
    told.main()
