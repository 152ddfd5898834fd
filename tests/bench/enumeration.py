#!/usr/bin/env python3
"""Does time tell who has an account? Medians of each route for known and unknown addresses, in turns.

Must never run where people work: it raises the limits while it runs, and leaves nothing behind.
By hand, against `make run`:  set -a; . .ucrm/demo.env; python3 tests/bench/enumeration.py [requests of a kind]
"""

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import time
import urllib.parse

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 300
LIMITS = ["register_address", "forgot_address", "resend_address", "invite", "address", "user", "login"]
MARK = f"enumeration-{random.getrandbits(32):08x}.example"
PASSWORD = "a quite usual horse"


def sql(text):
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", os.environ["UCRM_PGHOST"], "-p", os.environ["UCRM_PGPORT"],
               "-U", os.environ["ADMIN_LOGIN"], "-d", os.environ.get("UCRM_PGDATABASE", "ucrm"), "-c", text]
    environment = dict(os.environ, PGPASSWORD=os.environ["ADMIN_LOGIN_PASSWORD"])
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


class Browser:
    def __init__(self):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(os.environ["UCRM_URL"]).netloc)
        self.token = None

    def post(self, path, body):
        """Seconds, status and the shape of the answer."""
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        text = json.dumps(body)
        started = time.perf_counter()
        self.connection.request("POST", f"/api/v1/{path}", text, headers)
        reply = self.connection.getresponse()
        said = reply.read()
        took = time.perf_counter() - started
        return took, reply.status, shape(json.loads(said) if said else None), said


def shape(value):
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items() if name != "request_id"}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def compare(name, browser, known, unknown):
    """known and unknown: a path and a body for each request. In turns, the order of a pair by lot."""
    times, answers = {True: [], False: []}, {True: set(), False: set()}
    for pair in zip(known, unknown):
        sides = [(True, pair[0]), (False, pair[1])]
        random.shuffle(sides)
        for side, (path, body) in sides:
            took, status, form, _ = browser.post(path, body)
            times[side].append(took)
            answers[side].add(f"{status} {json.dumps(form, sort_keys=True)}")
    medians = {side: statistics.median(times[side]) * 1e3 for side in times}
    # The median's standard error, from the middle half: outliers do not count.
    error = sum((1.253 * spread(times[side]) * 1e3) ** 2 / len(times[side]) for side in times) ** 0.5
    difference = medians[True] - medians[False]
    same = answers[True] == answers[False] and len(answers[True]) == 1
    verdict = "differs" if abs(difference) > 4 * error else "within noise"
    print(f"{name:34} {medians[True]:9.3f} {medians[False]:9.3f} {difference:+8.3f} {error:7.3f}  {verdict:13} "
          f"{'same answer' if same else 'ANSWERS DIFFER ' + str(answers)} {sorted(a.split()[0] for a in answers[True])}", flush=True)


def spread(values):
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 1.349


def addresses(kind):
    return [f"{kind}{n}@{MARK}" for n in range(COUNT)]


def main():
    sql("insert into ucrm.rate_limits (name, plan, hits, seconds) select name, null, 1000000, seconds from ucrm.rate_limits "
        f"where builtin and plan is null and name in ({', '.join(repr(name) for name in LIMITS)})")
    browser = Browser()
    try:
        verified, waiting, other = addresses("verified"), addresses("waiting"), addresses("other")
        for people, when in ((verified, "now()"), (waiting, "null")):
            values = ", ".join(f"('{email}', {when})" for email in people)
            sql(f"insert into ucrm.users (email, email_verified_at) values {values}")
        took, status, _, said = browser.post("auth/login", {"email": os.environ["ACME_OWNER_EMAIL"], "password": os.environ["ACME_OWNER_PASSWORD"]})
        assert status == 200, said
        owner = Browser()
        owner.token = json.loads(said)["data"]["token"]
        sql("insert into ucrm.passwords (user_id, salt, memory_kib, passes, lanes, digest) "
            f"select id, ucrm.random_bytes(16), 19456, 2, 1, ucrm.random_bytes(32) from ucrm.users where email like '%@{MARK}'")
        # Invitations to others, whose tokens somebody shows who was not invited.
        tokens = sql("with made as (insert into ucrm.invitations (tenant_id, email, role, invited_by) "
                     f"select t.id, 'guest' || n || '@{MARK}', 'agent', m.user_id from ucrm.tenants as t join ucrm.tenant_memberships as m on m.tenant_id = t.id and m.role = 'owner', "
                     f"generate_series(1, {COUNT}) as n where t.slug = 'acme' returning id) select id from made").split()
        tokens = sql("; ".join(f"select ucrm.mint_invitation_token('{token}')" for token in tokens)).split()

        print(f"{COUNT} requests each                known ms  unknown ms     diff  std err")
        each = lambda path, people, **more: [(path, {"email": email, **more}) for email in people]
        compare("warm up", browser, each("auth/login", other, password=PASSWORD), each("auth/login", addresses("warm"), password=PASSWORD))
        compare("login", browser, each("auth/login", verified, password=PASSWORD), each("auth/login", addresses("stranger"), password=PASSWORD))
        compare("forgot", browser, each("auth/forgot-password", verified), each("auth/forgot-password", addresses("forgot")))
        compare("resend, not yet verified", browser, each("auth/resend-verification", waiting), each("auth/resend-verification", addresses("resend")))
        compare("resend, verified", browser, each("auth/resend-verification", verified), each("auth/resend-verification", addresses("again")))
        compare("register", browser, each("auth/register", verified, password=PASSWORD, name="N"), each("auth/register", addresses("new"), password=PASSWORD, name="N"))
        compare("invite", owner, each("invitations", verified, role="agent"), each("invitations", addresses("invitee"), role="agent"))
        false = [f"{token[:-20]}{'a' * 20}" for token in tokens]
        compare("accept, another's token", owner, [("invitations/accept", {"token": token}) for token in tokens], [("invitations/accept", {"token": token}) for token in false])
    finally:
        sql(f"delete from ucrm.rate_limits where not builtin and hits = 1000000; delete from ucrm.invitations where email like '%@{MARK}'; "
            f"delete from ucrm.platform_audit_logs where user_id in (select id from ucrm.users where email like '%@{MARK}'); "
            f"delete from ucrm.audit_logs where resource = 'invitations' and after ->> 'email' like '%@{MARK}'; "
            f"delete from ucrm.events where resource = 'invitations' and data ->> 'email' like '%@{MARK}'; "
            f"delete from ucrm.users where email like '%@{MARK}'; delete from ucrm.emails where recipient like '%@{MARK}'; "
            f"delete from ucrm.row_windows where key like '%{MARK}'")


main()
