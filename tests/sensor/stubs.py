"""A tracker and clients on this machine's own loopback, as a program of their own; harmless, and of no use to anybody else.

``stubs.py INFO_HASH PIECES CLIENTS`` prints the tracker's port. Each client says that it has some of the pieces.
"""

from __future__ import annotations

import asyncio
import struct
import sys

INFO_HASH, PIECES, CLIENTS = bytes.fromhex(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
OTHERS = [("127.0.0.1", 25), ("10.9.8.7", 6881), ("239.1.1.1", 6881)]
"""What the tracker tells besides: it must not be asked."""


def bitfield(number: int) -> bytes:
    have = PIECES if number % 2 else 1 + number % (PIECES - 1)
    return int("1" * have + "0" * (-PIECES % 8 + PIECES - have), 2).to_bytes((PIECES + 7) // 8)


async def main() -> None:
    async def client(number: int) -> tuple[str, int]:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readexactly(68)
                peer_id = b"-ST0001-%012d" % number
                writer.write(b"\x13BitTorrent protocol" + bytes(8) + INFO_HASH + peer_id)
                bits = bitfield(number)
                writer.write(struct.pack(">IB", 1 + len(bits), 5) + bits)
                if await reader.read(1):
                    sys.stdout.write("it asked for more\n")
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(talk, f"127.0.{1 + number // 250}.{1 + number % 250}", 0)
        return server.sockets[0].getsockname()

    told = [await client(number) for number in range(CLIENTS)] + OTHERS
    peers = b"".join(bytes(map(int, host.split("."))) + struct.pack(">H", port) for host, port in told)
    asked = 0

    async def tracker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        first = await reader.readline()
        asked += b"event=started" in first
        body = b"d8:intervali1e5:peers%d:%se" % (len(peers), peers)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    door = await asyncio.start_server(tracker, "127.0.0.1", 0)
    sys.stdout.write(f"{door.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main())
