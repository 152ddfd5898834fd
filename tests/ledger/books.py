"""The books: what writers and pollers were told, compared with what is there.

Owns the clients and the comparison; must never write what it compares.
Started by run.sh, which kills servers from when the file LEDGER_BEGUN appears until it makes LEDGER_OVER. Says `ok …` or `not ok …` for each rule.
"""
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter

from feed import Poller
from receiver import Receiver
from sweep import sweep
from writers import ACME, Http, HttpWriter, Person, SqlWriter

FAILED = []


def check(name, wrong):
    """wrong: whatever breaks the rule."""
    wrong = list(wrong)
    print(f"{'not ok' if wrong else 'ok'} - {name}", flush=True)
    for one in wrong[:10]:
        print(f"#   {one}")
    if wrong:
        print(f"#   {len(wrong)} in all", flush=True)
        FAILED.append(name)


def sql(text):
    """Rows of text, as the superuser."""
    done = subprocess.run(
        [os.environ["LEDGER_PGBIN"] + "/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-F", "\t", "-h", os.environ["LEDGER_SOCKET"],
         "-p", os.environ["UCRM_PGPORT"], "-U", "postgres", "-d", os.environ["UCRM_PGDATABASE"]],
        input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [line.split("\t") for line in done.stdout.splitlines()]


def query(name, **values):
    """A query of books.sql, which begins with a line `-- name`."""
    with open(os.path.join(os.path.dirname(__file__), "books.sql"), encoding="utf-8") as file:
        parts = file.read().split("\n-- ")
    text = next(part for part in parts if part.split("\n", 1)[0].strip("- ") == name).split("\n", 1)[1]
    for name, value in {"tenant": ACME, **values}.items():
        text = text.replace(f":{name}", f"'{value}'")
    return sql(text)


def settled():
    """Nobody is at work any more on what was begun by now: what clients left alone included."""
    begun = sql("select clock_timestamp()")[0][0]
    for _ in range(300):
        if query("at work", begun=begun) == [["0"]]:
            return
        time.sleep(0.1)
    check("what clients left alone ends", ["after 30 seconds it is still at work"])


def counted(name):
    return {(resource, action, mark): int(many) for resource, action, mark, many in query(name)}


def verdicts(acts):
    """What the log of each act says against the audit and the outbox."""
    audit, events = counted("audit rows by mark"), counted("events by mark")

    def wrong(state, right):
        for act in acts:
            if act["state"] == state:
                seen = [(audit.get(tuple(change), 0), events.get(tuple(change), 0)) for change in act["changes"]]
                if not right(seen):
                    yield act, f"audit rows and events: {seen}"

    check("each row of an acknowledged write has one audit row and one event",
          wrong("acknowledged", lambda seen: all(one == (1, 1) for one in seen)))
    check("a refused write has none", wrong("refused", lambda seen: all(one == (0, 0) for one in seen)))
    check("an unknown write was done whole or not at all",
          wrong("unknown", lambda seen: set(seen) in ({(1, 1)}, {(0, 0)}, set())))
    check("a write with an Idempotency-Key that was sent again and again was done once",
          (one for one in wrong("acknowledged", lambda seen: all(one == (1, 1) for one in seen)) if one[0].get("keyed") and one[0]["tries"] > 1))
    asked = {tuple(change) for act in acts for change in act["changes"]}
    writers = {act["by"] for act in acts}
    check("nothing is there that no client asked for",
          (key for key in {*audit, *events} - asked if key[1] != "delete" and key[2].rsplit("-", 1)[0] in writers))


def comparisons():
    check("audit and outbox tell of the same changes", query("changes in one book only"))
    check("each change of a row begins where the one before it ended", query("broken histories"))
    for resource, table in [("contacts", "crm.contacts"), ("wallet_entries", "engagement.wallet_entries"),
                            ("player_wallets", "engagement.player_wallets")]:
        found = query(f"rows of {resource}")
        check(f"{table} is what its audit says", found)
    check("each wallet holds the sum of its entries, without a gap", query("wallets that do not add up"))
    check("each entry moved its wallet once", query("wallets that moved otherwise"))


def feeds(pollers):
    for poller in pollers:
        there = [row[0] for row in query("events of contacts" if poller.resource else "events in order")]
        twice = [one for one, many in Counter(poller.seen).items() if many > 1]
        check(f"{poller.name} saw no event twice", twice)
        check(f"{poller.name} missed no event", set(there) - set(poller.seen))
        check(f"{poller.name} saw them in order, and nothing else", [] if poller.seen == there else ["another list than the outbox's"])


def subscribed(receiver):
    """Has every event sent to it: the webhook's secret."""
    sql("select ucrm.set('webhook_internal', 'true')")
    status, _, told = Http(os.environ["ACME_OWNER_KEY"]).ask("POST", "webhooks", {"url": receiver.url, "events": ["*"]})
    if status != 201:
        raise RuntimeError(f"no webhook: {status} {told}")
    receiver.signed_with(told["data"]["secret"])
    return "a webhook's secret", told["data"]["secret"]


def deliveries(receiver):
    """What was under way when its worker died goes on when its lease of half a minute is over."""
    for _ in range(900):
        if query("deliveries to come") == [["0"]]:
            break
        time.sleep(0.1)
    wanted = [row[0] for row in query("events for the webhook")]
    print(f"deliveries: {len(receiver.taken)}, made again: {receiver.again}", flush=True)
    check("every event was delivered", set(wanted) - set(receiver.taken))
    check("and nothing else", set(receiver.taken) - set(wanted))
    check("each message carries its event's id and a signature, and is the same again", receiver.faults)
    late = {}
    check("the events of a record arrived in their order",
          (name for name, (resource, record, _) in receiver.taken.items()
           if name < late.get((resource, record), "") or late.update({(resource, record): name})))


def seals():
    """Sealed by the gateways that were killed; the last rows by the one that is left."""
    for _ in range(600):
        if query("rows without a seal") == [["0"]]:
            break
        time.sleep(0.1)
    check("every audit row is under a seal", (row for row in query("rows without a seal") if row != ["0"]))
    check("seals were made while servers died", [] if int(query("seals")[0][0]) > 2 else query("seals"))
    check("the seals prove the audit, and every row is as it says", query("what the seals do not prove"))
    export = "".join("\t".join(row) + "\n" for row in query("the audit as a file"))
    told = subprocess.run([os.environ["LEDGER_AT"] + "/ucrm-gateway", "verify-audit", "-"], input=export, capture_output=True, text=True, check=False)
    check("so does the file, without a database", told.stdout.splitlines() + told.stderr.splitlines() if told.returncode else [])


def main():
    seed = random.randrange(10 ** 9)
    over = threading.Event()
    wallets = [row[0] for row in query("wallets")]
    owner = query("owner")[0][0]
    writers = [HttpWriter(f"web{n}", seed, over, wallets) for n in range(4)]
    writers += [SqlWriter(f"sql{n}", seed, over, wallets, owner) for n in range(2)]
    # So soon that they are made while servers die.
    sql("select ucrm.set('seal_after', '1')")
    receiver = Receiver()
    secret = subscribed(receiver)
    person = Person("person", seed, over)
    writers.append(person)
    pollers = [Poller("a poller of a few at a time", 7), Poller("a poller of many", 1000), Poller("a poller of contacts", 50, "contacts")]
    for one in writers + pollers:
        one.daemon = True
        one.start()
    with open(os.environ["LEDGER_BEGUN"], "x", encoding="utf-8"):
        pass
    while not os.path.exists(os.environ["LEDGER_OVER"]):
        time.sleep(0.1)
    over.set()
    for writer in writers:
        writer.join(90)
    settled()
    last = query("last event")[0][0]
    for poller in pollers:
        poller.until = last
    for poller in pollers:
        poller.join(90)
        poller.given_up.set()

    acts = [act for writer in writers for act in writer.acts]
    states = Counter(act["state"] for act in acts)
    rows = Counter(act["state"] for act in acts for _ in act["changes"])
    print(f"writes: {dict(states)}, rows of them: {dict(rows)}, "
          f"refusals: {dict(Counter(act.get('reply') or 'by SQL' for act in acts if act['state'] == 'refused'))}", flush=True)
    print(f"sent again: {sum(act.get('tries', 1) > 1 for act in acts)}; events seen: {[len(poller.seen) for poller in pollers]}", flush=True)
    with open(os.environ["LEDGER_KILLED"], encoding="utf-8") as file:
        check("backends, gateway and server were killed", (one for one in file.read().split() if int(one) < 1))
    check("writes were acknowledged, refused and lost", (state for state in ("acknowledged", "refused", "unknown") if not states[state]))
    check("some were sent again under their Idempotency-Key",
          [] if any(act.get("keyed") and act["tries"] > 1 and act["state"] == "acknowledged" for act in acts) else ["none was"])
    check("each writer wrote to the end",
          [fault for writer in writers for fault in writer.faults] + [writer.name for writer in writers if writer.is_alive()])
    check("each poller was answered to the end",
          [fault for poller in pollers for fault in poller.faults] + [poller.name for poller in pollers if poller.is_alive()])
    verdicts(acts)
    comparisons()
    feeds(pollers)
    seals()
    deliveries(receiver)
    sweep(check, sql, [*person.secrets, secret], next(act["changes"][0][2] for act in acts if act["state"] == "acknowledged"))
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
