#!/usr/bin/python3
"""A receiver of webhooks for the tests: HTTPS, or HTTP, in the mood that each request's path asks for.

Owns one listening socket; must never connect anywhere.
Started by src/receiver.rs with a JSON object: cert and key (none: HTTP), port (0: any). Prints the port, then each request
it was sent as a line of JSON: path, headers, body, connection (a number), port.

/ok…               204 at once, the connection stays
/status/<n>…       that status; /status/<n>/<seconds> with Retry-After
/first/<n>/<m>…    n for the first request of a webhook-id, then m
/redirect/<port>   307 to that port of this machine
/hang              never answers
/drip              a header every 100 ms, for ever
/endless           200, and a body without an end
/slow-body         200, and a byte of the body every 100 ms
/huge-headers      200 with a megabyte of headers
/garbage           what is not HTTP
/close             closes without an answer
/late/<ms>…        204 after so many milliseconds
"""
import itertools
import json
import socketserver
import ssl
import sys
import threading
import time

wanted = json.loads(sys.argv[1])
numbers = itertools.count(1)
seen = set()
lock = threading.Lock()


def say(thing):
    with lock:
        print(json.dumps(thing), flush=True)


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    def setup(self):
        if wanted.get("cert"):
            self.request.settimeout(10)
            self.request = context.wrap_socket(self.request, server_side=True)
            self.request.settimeout(None)
        super().setup()
        self.number = next(numbers)

    def handle(self):
        while self.take():
            pass

    def take(self):
        line = self.rfile.readline().decode()
        if not line:
            return False
        path = line.split(" ")[1]
        headers = {}
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != "":
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0))).decode()
        say({"path": path, "headers": headers, "body": body, "connection": self.number, "port": wanted["port"]})
        return self.answer(path.split("/")[1:], headers)

    def send(self, text):
        self.wfile.write(text.encode())
        self.wfile.flush()

    def status(self, code, more=""):
        self.send(f"HTTP/1.1 {code} x\r\ncontent-length: 0\r\n{more}\r\n")
        return True

    def answer(self, path, headers):
        match path[0]:
            case "status":
                return self.status(path[1], f"retry-after: {path[2]}\r\n" if len(path) > 2 else "")
            case "first":
                with lock:
                    known = headers["webhook-id"] in seen
                    seen.add(headers["webhook-id"])
                return self.status(path[2] if known else path[1])
            case "redirect":
                return self.status(307, f"location: https://127.0.0.1:{path[1]}/ok\r\n")
            case "late":
                time.sleep(int(path[1]) / 1000)
                return self.status(204)
            case "hang":
                time.sleep(600)
            case "drip":
                self.send("HTTP/1.1 200 x\r\n")
                for n in itertools.count():
                    self.send(f"x-{n}: x\r\n")
                    time.sleep(0.1)
            case "endless":
                self.send("HTTP/1.1 200 x\r\n\r\n")
                while True:
                    self.send("x" * 65536)
            case "slow-body":
                self.send("HTTP/1.1 200 x\r\ncontent-length: 1000000\r\n\r\n")
                while True:
                    self.send("x")
                    time.sleep(0.1)
            case "huge-headers":
                self.send("HTTP/1.1 200 x\r\n")
                for n in range(1000):
                    self.send(f"x-{n}: {'x' * 1000}\r\n")
                self.send("\r\n")
            case "garbage":
                self.send("220 mail.example ESMTP\r\n" * 100)
            case "close":
                pass
            case _:
                return self.status(204)
        return False


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


context = None
if wanted.get("cert"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(wanted["cert"], wanted["key"])
with Server(("127.0.0.1", wanted.get("port", 0)), Handler) as server:
    wanted["port"] = server.server_address[1]
    say({"port": wanted["port"]})
    server.serve_forever()
