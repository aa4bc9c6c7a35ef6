"""Servers that take news: one of HTTP, one of SMTP, both real and on 127.0.0.1."""

import json
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Mailbox:
    """What a server got, and what it is to answer first; after that it takes everything, but mail to `unknown`."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    calls: int = 0
    got: list[Any] = field(default_factory=list)
    unknown: str = "nobody@"
    farewell: str = "221 bye"

    def answer(self, good: int) -> int:
        self.calls += 1
        return self.answers.pop(0) if self.answers else good


@pytest.fixture
def slack() -> Iterator[Mailbox]:
    """A webhook: `got` has the texts."""
    box = Mailbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            code = box.answer(200)
            if code == 200:
                box.got.append(body)
            self.send_response(code)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield box
        server.shutdown()


@pytest.fixture
def post_office() -> Iterator[Mailbox]:
    """A mail server: `got` has the messages. An answer is one to the sender's address."""
    box = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 here")
            for line in self.rfile:
                verb = line[:4].upper()
                if verb == b"MAIL":
                    code = box.answer(250)
                    self.say(f"{code} {'ok' if code == 250 else 'not now'}")
                elif verb == b"RCPT" and box.unknown.encode() in line:
                    self.say("550 nobody here")
                elif verb == b"DATA":
                    self.say("354 go on")
                    box.got.append(message_from_bytes(self.body(), _class=EmailMessage, policy=policy.default))
                    self.say("250 taken")
                elif verb == b"QUIT":
                    self.say(box.farewell)
                    return
                else:
                    self.say("250 ok")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def body(self) -> bytes:
            lines = []
            for line in self.rfile:
                if line == b".\r\n":
                    break
                lines.append(line)
            return b"".join(lines)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield box
        server.shutdown()
