"""A mail server on a real socket, as small as the protocol allows (RFC 5321): it keeps what it was given."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message


@dataclass
class Letter:
    """One mail as it arrived: the envelope and the bytes."""

    sender: str
    to: list[str]
    raw: bytes

    @property
    def message(self) -> Message:
        """The mail read."""
        return message_from_bytes(self.raw)


@dataclass
class MailServer:
    """``with MailServer() as server``: ``port``, ``letters``; ``answers`` ``"451"`` refuses for now."""

    letters: list[Letter] = field(default_factory=list)
    answers: str = "250"
    port: int = 0

    def __enter__(self) -> MailServer:
        keeper = self

        class Conversation(socketserver.StreamRequestHandler):
            def say(self, line: str) -> None:
                self.wfile.write(line.encode() + b"\r\n")

            def handle(self) -> None:
                self.say("220 mail.example.org")
                sender, to = "", []
                while line := self.rfile.readline():
                    words = line.decode().strip()
                    verb = words[:4].upper()
                    if verb == "MAIL":
                        sender = words
                    elif verb == "RCPT":
                        to.append(words.partition("<")[2].partition(">")[0])
                    elif verb == "DATA":
                        self.say("354 go on")
                        raw = b""
                        while (part := self.rfile.readline()) != b".\r\n":
                            raw += part
                        if keeper.answers == "250":
                            keeper.letters.append(Letter(sender, to, raw))
                        self.say(f"{keeper.answers} noted")
                        continue
                    self.say("221 bye" if verb == "QUIT" else "250 mail.example.org")
                    if verb == "QUIT":
                        return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *why: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
