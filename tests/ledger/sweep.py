"""The thief: searches whatever the run left for whatever it used that is secret.

Owns the list of places; must never print what it searches for.
Called by books.py when everything has been killed often enough: a server that a backend's death takes along writes down
what that backend was doing.
"""
import base64
import glob
import os
import re
import subprocess
import tempfile
import time


def spellings(secret):
    """As it is, and as PostgreSQL would write its bytes."""
    yield secret
    yield secret.encode().hex()
    if secret.startswith("whsec_"):
        clear = base64.b64decode(secret[6:])
        yield secret[6:]
        yield clear.hex()


def read(*patterns):
    text = []
    for pattern in patterns:
        for name in glob.glob(pattern):
            with open(name, encoding="utf-8", errors="replace") as file:
                text.append(file.read())
    return "\n".join(text)


def mailed(folder):
    """The tokens of the mails that were sent."""
    return set(re.findall(r"ucrm_[a-z_]+_[A-Za-z0-9_-]{30,}", read(folder + "/*").replace("=\n", "")))


def given(secrets, sql):
    """What the run was given, and what the installation was."""
    found = list(secrets)
    for name, value in os.environ.items():
        if name.endswith(("_KEY", "_PASSWORD", "_SECRET")) and not name.startswith("UCRM_"):
            found.append((name, value))
    tenant = os.environ["ACME_ID"]
    found.append(("the workspace's webhook secret", sql(f"select ucrm.make_webhook_secret('{tenant}')")[0][0].replace("\n", "")))
    for _ in range(300):
        tokens = mailed(os.environ["MAIL_DIR"])
        if tokens:
            break
        # The worker that was at it is dead; another one takes it when its time is over.
        time.sleep(0.1)
    return found + [("a mail's token", token) for token in tokens]


def seen(text, secrets):
    """The kinds of secret that a text holds, in whatever case. All at once: there are thousands."""
    kinds_of = {}
    for what, secret in secrets:
        for one in spellings(secret):
            kinds_of.setdefault(one.lower(), set()).add(what)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as patterns:
        patterns.write("\n".join(kinds_of))
        patterns.flush()
        hits = subprocess.run(["grep", "-aFoh", "-f", patterns.name], input=text.lower(), env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
                              capture_output=True, text=True, errors="replace", check=False)
    # 1: no line.
    if hits.returncode > 1:
        raise RuntimeError("grep: " + hits.stderr[:200])
    return sorted({kind for hit in hits.stdout.split("\n") if hit for kind in kinds_of[hit]})


def sweep(check, sql, secrets, mark):
    """mark: what is no secret, and is to be found."""
    secrets = given(secrets, sql)
    kinds = {what for what, _ in secrets}
    wanted = ("a key's secret", "a new account's password", "a session's token", "a session's cookie", "an authenticator app's secret",
              "a mail's token", "a webhook's secret", "the workspace's webhook secret", "ACME_OWNER_PASSWORD", "BACKEND_PASSWORD", "INTERNAL_SECRET", "ACME_OWNER_KEY")
    check("what is looked for is found", [] if set(seen("\n".join(f"-{secret}-" for _, secret in secrets).upper(), secrets)) == kinds else ["not every kind"])
    check("the run used every kind of secret", (what for what in wanted if what not in kinds))
    at = os.environ["LEDGER_AT"]
    rows = "\n".join(
        line[0] for table in ("audit_logs", "platform_audit_logs", "events")
        for line in sql(f"select to_jsonb(x) from ucrm.{table} as x"))
    dump = subprocess.run(
        [os.environ["LEDGER_PGBIN"] + "/pg_dump", "-h", os.environ["LEDGER_SOCKET"], "-p", os.environ["UCRM_PGPORT"], "-U", "postgres",
         os.environ["UCRM_PGDATABASE"]], capture_output=True, text=True, check=True).stdout
    server = read(at + "/log/*")
    for place, text, there in [
        ("the server's log", server, "was terminated by signal 9"),
        ("the gateway's log", read(at + "/gateway.all", at + "/gateway.log"), "serving"),
        ("audit and outbox", rows, mark),
        ("a dump", dump, mark),
    ]:
        check(f"{place} tells what it should", [] if there in text else [f"it does not say {there}"])
        check(f"no secret is in {place}", seen(text, secrets))
