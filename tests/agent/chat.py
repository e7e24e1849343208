"""A chat page on this machine: what the test says arrives in the page, as a message from somebody else does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = """<!doctype html><meta charset="utf-8"><title>Chat with Kim Example</title>
<style>body{font:16px sans-serif;height:4000px}#log{min-height:60px}</style>
<form onsubmit="return false"><input id="say" aria-label="say" autofocus>
<input id="secret" type="password" aria-label="secret"></form>
<div id="log" role="log"></div>
<script>
let seen = 0;
async function ask() {
  const lines = await (await fetch('/lines?from=' + seen)).json();
  for (const line of lines) {
    const message = document.createElement('div');
    message.innerHTML = '<b>Kim</b> <span></span>';
    message.querySelector('span').textContent = line;
    document.getElementById('log').append(message);
    seen += 1;
  }
  setTimeout(ask, 50);
}
ask();
</script>"""


class Chat:
    """Serves the page; ``say`` lets a line arrive."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._server = _Server(("127.0.0.1", 0), _Answering)
        self._server.chat = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Chat:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def address(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/chat"

    def say(self, line: str) -> None:
        self.lines.append(line)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    chat: Chat

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The browser ended meanwhile."""


class _Answering(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        kind, body = "text/html; charset=utf-8", PAGE.encode()
        if self.path.startswith("/lines"):
            kind = "application/json"
            body = json.dumps(self.server.chat.lines[int(self.path.partition("=")[2]) :]).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
