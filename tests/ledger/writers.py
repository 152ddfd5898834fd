"""Writers over HTTP and by SQL: what each sent, and what it was told.

Owns its connections and its own contacts; must never decide what is right: that is for the books.
Started by books.py, one thread each. An act is what one request or one transaction wanted: [resource, action, mark] of each
row, where the mark (a name, an external_id; of a deleted row its id) is used for nothing else, and what was said of it:
acknowledged, refused, or unknown when the connection was lost.
"""
import http.client
import json
import os
import random
import socket
import subprocess
import threading
import time
import uuid
from urllib.parse import urlsplit

ACME = os.environ["ACME_ID"]
KNOWN = ("acknowledged", "refused")


class Lost(Exception):
    """Nobody knows whether it was done."""


class Http:
    """One kept connection to the gateway, made again when it was lost."""

    def __init__(self, key=None):
        self.key = key
        self.link = None

    def close(self):
        if self.link:
            self.link.close()
        self.link = None

    def ask(self, method, path, body=None, headers=None, leave=False):
        """Status, headers, body. leave: go away when it is sent, without waiting for an answer."""
        headers = dict(headers or {})
        if self.key:
            headers["x-api-key"] = self.key
        if body is not None:
            headers["content-type"] = "application/json"
            body = json.dumps(body)
        try:
            if self.link is None:
                # No try in between: a request is sent once.
                self.link = http.client.HTTPConnection(urlsplit(os.environ["UCRM_URL"]).netloc, timeout=30)
                self.link.connect()
                self.link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.link.request(method, "/api/v1/" + path, body, headers)
            if leave:
                raise Lost
            reply = self.link.getresponse()
            text = reply.read()
            said = dict((name.lower(), value) for name, value in reply.getheaders())
            if said.get("connection") == "close":
                self.close()
            # What a gateway says that lost its server on the way is no answer.
            if reply.status >= 500:
                time.sleep(0.02)
                raise Lost
            return reply.status, said, json.loads(text) if text else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            if isinstance(error, ConnectionRefusedError):
                time.sleep(0.05)
            raise Lost from error
        except Lost:
            if leave:
                self.close()
            raise


class Writer(threading.Thread):
    """Acts until it is over, then ends what it is at."""

    def __init__(self, name, seed, over):
        super().__init__(name=name)
        self.dice = random.Random(f"{name} {seed}")
        self.over = over
        self.acts = []
        self.faults = []
        # Contacts that are there and that nobody else changes.
        self.mine = []
        self.count = 0

    def mark(self):
        self.count += 1
        return f"{self.name}-{self.count}"

    def run(self):
        try:
            while not self.over.is_set():
                self.act()
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.faults.append(f"{self.name} broke: {error!r}")

    def book(self, changes, state, **more):
        self.acts.append({"changes": changes, "state": state, "by": self.name, **more})

    def take(self, many=1):
        """Contacts of its own, which are its own no more until they are given back."""
        self.dice.shuffle(self.mine)
        taken, self.mine = self.mine[:many], self.mine[many:]
        return taken


class HttpWriter(Writer):
    """A client with an API key; half of what it sends carries an Idempotency-Key and is sent until it is answered."""

    def __init__(self, name, seed, over, wallets):
        super().__init__(name, seed, over)
        self.http = Http(os.environ["ACME_OWNER_KEY"])
        self.wallets = wallets

    def send(self, method, path, body, changes, sole=False):
        """What came of it: the reply's data; None when it is refused or unknown. sole: the mark itself allows one only."""
        key = str(uuid.uuid4()) if self.dice.random() < 0.5 else None
        headers = {"idempotency-key": key} if key else {}
        leave = self.dice.random() < 0.2
        end = time.monotonic() + 60
        state, told, tries = "unknown", None, 0
        while state not in KNOWN:
            try:
                tries += 1
                status, said, told = self.http.ask(method, path, body, headers, leave and tries == 1)
            except Lost:
                if (key or sole) and time.monotonic() < end:
                    continue
                break
            code = (told or {}).get("code")
            if status < 300 or (sole and tries > 1 and code == "duplicate"):
                state = "acknowledged"
            elif code != "idempotency_in_progress":
                state = "refused"
            elif time.monotonic() > end:
                break
            else:
                time.sleep(0.02)
        self.book(changes, state, keyed=bool(key), tries=tries, reply=(told or {}).get("code"))
        if state != "acknowledged":
            return None
        data = (told or {}).get("data")
        if key and status < 300 and self.dice.random() < 0.3:
            self.again(method, path, body, headers, (status, told))
        return data

    def again(self, method, path, body, headers, first):
        """Sent once more, it is told what it was told."""
        try:
            status, said, told = self.http.ask(method, path, body, headers)
        except Lost:
            return
        if (status, told) != first or said.get("idempotency-replayed") != "true":
            self.faults.append(f"{method} {path} sent again: {first} became {(status, told)}")

    def act(self):
        turn = self.dice.randrange(10)
        if turn < 3 or not self.mine:
            mark = self.mark()
            data = self.send("POST", "contacts", {"name": mark}, [["contacts", "create", mark]])
            if data:
                self.mine.append(data["id"])
        elif turn < 5:
            self.change()
        elif turn == 5:
            for one in self.take():
                self.send("DELETE", f"contacts/{one}", None, [["contacts", "delete", one]])
        elif turn == 6:
            self.many()
        elif turn == 7:
            self.refused()
        elif turn == 8:
            mark = self.mark()
            amount = self.dice.choice(["0.50", "-0.30", "1.00", "-99999.00"])
            self.send("POST", "wallet_entries",
                      {"wallet_id": self.dice.choice(self.wallets), "kind": "adjustment", "external_id": mark,
                       "amount": {"amount": amount, "currency": "EUR"}},
                      [["wallet_entries", "create", mark]], sole=True)
        else:
            self.many_gone()

    def change(self):
        for one in self.take():
            mark = self.mark()
            if self.send("PATCH", f"contacts/{one}", {"name": mark}, [["contacts", "update", mark]]):
                self.mine.append(one)

    def many(self):
        marks = [self.mark() for _ in range(self.dice.randint(2, 20))]
        taken = self.take(len(marks)) if self.dice.random() < 0.4 else []
        if len(taken) > 1:
            rows = [{"id": one, "name": mark} for one, mark in zip(taken, marks)]
            data = self.send("PATCH", "contacts", rows, [["contacts", "update", row["name"]] for row in rows])
        else:
            data = self.send("POST", "contacts", [{"name": mark} for mark in marks],
                             [["contacts", "create", mark] for mark in marks])
        self.mine += [row["id"] for row in data or []]

    def many_gone(self):
        taken = self.take(self.dice.randint(1, 5))
        self.send("DELETE", "contacts", {"ids": taken}, [["contacts", "delete", one] for one in taken])

    def refused(self):
        """A list whose last row is wrong: none of it."""
        marks = [self.mark() for _ in range(3)]
        rows = [{"name": mark} for mark in marks] + [{"name": "wrong", "stage": "nowhere"}]
        self.send("POST", "contacts", rows, [["contacts", "create", mark] for mark in marks])


class SqlWriter(Writer):
    """A trusted back end: transactions of several statements over one kept connection, which psql holds."""

    def __init__(self, name, seed, over, wallets, user):
        super().__init__(name, seed, over)
        self.wallets = wallets
        self.user = user
        self.psql = None

    def start_psql(self):
        environment = {"PGPASSWORD": os.environ["BACKEND_PASSWORD"], "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
        # pylint: disable=consider-using-with
        self.psql = subprocess.Popen(
            [os.environ["LEDGER_PGBIN"] + "/psql", "-XAt", "-h", os.environ["UCRM_PGHOST"], "-p", os.environ["UCRM_PGPORT"],
             "-U", os.environ["BACKEND_LOGIN"], "-d", os.environ["UCRM_PGDATABASE"]],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def transact(self, statements, end="commit"):
        """The tag of its end: COMMIT or ROLLBACK. Statement by statement, so that a kill may come in between."""
        if self.psql is None:
            self.start_psql()
        try:
            for statement in ["begin", f"select 'entered' from ucrm.enter('{ACME}', '{self.user}')", *statements, end]:
                self.psql.stdin.write(statement + ";\n")
                self.psql.stdin.flush()
            for line in self.psql.stdout:
                if line.strip() in ("COMMIT", "ROLLBACK"):
                    return line.strip()
        except OSError:
            pass
        self.stop_psql()
        time.sleep(0.05)
        raise Lost

    def stop_psql(self):
        if self.psql:
            self.psql.kill()
            self.psql.wait()
            self.psql.stdin = None
            self.psql.stdout.close()
        self.psql = None

    def run(self):
        super().run()
        self.stop_psql()

    def act(self):
        """A few rows of several tables in one transaction: all of it or nothing."""
        made, statements, changes = [], [], []
        for _ in range(self.dice.randint(1, 3)):
            mark, one = self.mark(), str(uuid.uuid4())
            made.append(one)
            statements.append(f"insert into crm.contacts (id, name) values ('{one}', '{mark}')")
            changes.append(["contacts", "create", mark])
        kept = self.take(2)
        for one in kept:
            mark = self.mark()
            statements.append(f"update crm.contacts set name = '{mark}' where id = '{one}'")
            changes.append(["contacts", "update", mark])
        gone = self.take()
        for one in gone:
            statements.append(f"delete from crm.contacts where id = '{one}'")
            changes.append(["contacts", "delete", one])
        if self.dice.random() < 0.5:
            mark, amount = self.mark(), self.dice.choice([-40, 25, 70, -10 ** 12])
            statements.append("insert into engagement.wallet_entries (wallet_id, kind, amount_minor, external_id) values "
                              f"('{self.dice.choice(self.wallets)}', 'adjustment', {amount}, '{mark}')")
            changes.append(["wallet_entries", "create", mark])
        end = "rollback" if self.dice.random() < 0.1 else "commit"
        try:
            done = self.transact(statements, end)
        except Lost:
            self.book(changes, "unknown")
            return
        if done == "COMMIT":
            self.book(changes, "acknowledged")
            self.mine += made + kept
        else:
            # What was to go is there still, but its mark is used.
            self.book(changes, "refused")
            self.mine += kept


class Person(Writer):
    """Signs in, registers, makes keys: what it is given is secret, and is on its way when something dies."""

    def __init__(self, name, seed, over):
        super().__init__(name, seed, over)
        self.http = Http()
        self.owner = Http(os.environ["ACME_OWNER_KEY"])
        self.secrets = []

    def act(self):
        time.sleep(0.2)
        mark = self.mark()
        try:
            status, _, told = self.owner.ask("POST", "api_keys", {"name": mark, "scopes": ["contacts:read"]})
            self.book([["api_keys", "create", mark]], "acknowledged" if status < 300 else "refused", reply=(told or {}).get("code"))
            if status < 300:
                self.secrets.append(("a key's secret", told["data"]["secret"]))
        except Lost:
            self.book([["api_keys", "create", mark]], "unknown")
        password = f"battery staple {uuid.uuid4()}"
        self.secrets.append(("a new account's password", password))
        try:
            self.http.ask("POST", "auth/register", {"email": f"{uuid.uuid4()}@people.example", "password": password, "name": mark})
            self.sign_in()
        except Lost:
            return

    def sign_in(self):
        login = {"email": os.environ["ACME_OWNER_EMAIL"], "password": os.environ["ACME_OWNER_PASSWORD"]}
        status, said, told = self.http.ask("POST", "auth/login", login)
        if status != 200:
            return
        token = told["data"]["token"]
        self.secrets.append(("a session's token", token))
        self.secrets.append(("a session's cookie", said["set-cookie"].split(";")[0].split("=", 1)[1]))
        status, _, told = self.http.ask("POST", "auth/totp", {}, {"authorization": f"Bearer {token}"})
        if status == 201:
            self.secrets.append(("an authenticator app's secret", told["data"]["secret"]))
