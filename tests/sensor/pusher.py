"""A client that nobody should have to meet: it says that it has all pieces, and sends one again and again without being asked.

``pusher.py ADDRESS PORT TRACKER INFO_HASH PIECES``
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import sys
import threading
import time
from urllib.parse import quote_from_bytes

ADDRESS, PORT, TRACKER, INFO_HASH, PIECES = sys.argv[1], int(sys.argv[2]), *sys.argv[3:5], int(sys.argv[5])
OWN = b"-XX0001-pushespieces"


def announce() -> None:
    query = f"info_hash={quote_from_bytes(bytes.fromhex(INFO_HASH), safe='')}&peer_id={OWN.decode()}&port={PORT}"
    while True:
        with contextlib.suppress(OSError), socket.create_connection((TRACKER, 6969), 5) as line:
            line.sendall(f"GET /announce?{query}&uploaded=0&downloaded=0&left=0&compact=1 HTTP/1.0\r\n\r\n".encode())
            line.recv(4096)
        time.sleep(2)


def push(line: socket.socket) -> None:
    content = random.Random(7).randbytes(1 << 14)
    given = b""
    with contextlib.suppress(OSError):
        line.settimeout(10)
        while len(given) < 68:
            if not (part := line.recv(4096)):
                return
            given += part
            if not given.startswith(b"\x13BitTorrent protocol"[: len(given)]):
                return
        bits = bytes(255 for _ in range(PIECES // 8))
        line.sendall(b"\x13BitTorrent protocol" + bytes(8) + bytes.fromhex(INFO_HASH) + OWN)
        line.sendall(struct.pack(">IB", 1 + len(bits), 5) + bits + struct.pack(">IB", 1, 1))
        for piece in range(64):
            line.sendall(struct.pack(">IBII", 9 + len(content), 7, piece % PIECES, 0) + content)
        while line.recv(4096):
            pass


threading.Thread(target=announce, daemon=True).start()
door = socket.create_server((ADDRESS, PORT))
while True:
    threading.Thread(target=push, args=(door.accept()[0],), daemon=True).start()
