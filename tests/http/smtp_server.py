#!/usr/bin/python3
"""A real SMTP server for the tests: aiosmtpd, with the certificates, logins and moods it is given.

Owns one listening socket; must never deliver anything anywhere.
Started by src/smtp.rs with a JSON object: host, port, tls (none, starttls, implicit), cert, key, login ([name, password]),
mail, recipient and message (lists of replies to MAIL, RCPT and the message itself; the last one stays), wait (seconds before
the reply to a message for slow@…; null: for ever). Prints the port, then each mail it took as a line of JSON.
"""
import asyncio
import json
import logging
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

# What it thinks of its settings and of clients that leave is not the tests' business.
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

wanted = json.loads(sys.argv[1])


def say(thing):
    print(json.dumps(thing), flush=True)


class Moods:
    """Replies as they were asked for, one after the other."""

    def __init__(self):
        self.left = {step: list(wanted.get(step) or []) for step in ("mail", "recipient", "message")}

    def next(self, step):
        left = self.left[step]
        if not left:
            return "250 OK"
        return left.pop(0) if len(left) > 1 else left[0]


class Handler:
    """What the server does with each command."""

    def __init__(self):
        self.moods = Moods()

    async def handle_MAIL(self, server, session, envelope, address, options):
        reply = self.moods.next("mail")
        if reply.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return reply

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = self.moods.next("recipient")
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("slow@"):
            say({"began": envelope.rcpt_tos})
            seconds = wanted.get("wait")
            await asyncio.sleep(3600 if seconds is None else seconds)
        reply = self.moods.next("message")
        say({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "message": envelope.content.decode("utf-8", "surrogateescape"),
            "encrypted": session.ssl is not None or wanted.get("tls") == "implicit",
            "login": session.auth_data.decode() if session.authenticated else None,
            "hello": session.host_name,
            "reply": reply,
        })
        return reply


def authenticate(server, session, envelope, mechanism, data):
    """Takes the one login there is."""
    right = isinstance(data, LoginPassword) and [data.login.decode(), data.password.decode()] == wanted["login"]
    return AuthResult(success=right, handled=False, auth_data=data.login if right else None)


async def serve():
    context = None
    if wanted.get("tls", "none") != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(wanted["cert"], wanted["key"])
    implicit = wanted.get("tls") == "implicit"
    handler = Handler()

    def connection():
        return SMTP(
            handler,
            hostname="mail.tests.example",
            tls_context=None if implicit else context,
            require_starttls=wanted.get("tls") == "starttls",
            auth_required=bool(wanted.get("login")),
            auth_require_tls=wanted.get("tls") == "starttls",
            authenticator=authenticate if wanted.get("login") else None,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        connection, wanted["host"], wanted["port"], ssl=context if implicit else None
    )
    say({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()


asyncio.run(serve())
