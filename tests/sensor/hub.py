"""Run inside the hub of a swarm: a time server, and a door to the tracker that shortens the pause that it asks for.

``hub.py ADDRESS TRACKER_PORT DOOR_PORT SECONDS TIME_PORT CLOCK_OFF_MS``. opentracker asks for half an hour between two questions;
through the door it is SECONDS, so that two of them pass in a test. Nothing else of the answer is changed.
"""

from __future__ import annotations

import re
import socket
import socketserver
import struct
import sys
import threading
import time

ADDRESS, TRACKER, DOOR, SECONDS, TIME, OFF = sys.argv[1], *map(int, sys.argv[2:])


class Door(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked and (part := self.request.recv(4096)):
            asked += part
        with socket.create_connection((ADDRESS, TRACKER), 5) as tracker:
            tracker.sendall(asked)
            answer = b""
            while part := tracker.recv(65536):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        body = re.sub(rb"(8:interval|12:min interval)i\d+e", rb"\g<1>i%de" % SECONDS, body)
        head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
        self.request.sendall(head + b"\r\n\r\n" + body)


class Doors(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True


def tell_time() -> None:
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind((ADDRESS, TIME))
    while True:
        asked, whom = line.recvfrom(512)
        now = time.time() + 2_208_988_800 - OFF / 1000
        stamp = struct.pack(">II", int(now), int(now % 1 * (1 << 32)))
        line.sendto(bytes((0x24, 2, 0, 0xEC)) + bytes(20) + asked[40:48] + stamp + stamp, whom)


threading.Thread(target=tell_time, daemon=True).start()
Doors((ADDRESS, DOOR), Door).serve_forever()
