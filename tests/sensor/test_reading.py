"""What is made of what computers, trackers and clocks say; also of what they should not have said."""

from __future__ import annotations

import asyncio
import random
import struct
from base64 import b64encode
from typing import Any

import pytest

from opencets_sensor import clock
from opencets_sensor.networks import bittorrent
from opencets_sensor.networks.contract import Place
from opencets_sensor.settings import Reach
from opencets_sensor.torrent import bencode, messages, trackers

SHAKE = messages.PROTOCOL + bytes((0, 0, 0, 0, 0, 0x10, 0, 4)) + bytes.fromhex("a" * 40) + b"-XX1234-abcdefghijkl"


def entry(*bodies: bytes, pieces: int | None = 12) -> dict[str, Any]:
    wire = [[100 * (number + 1), "<", b64encode(body).decode()] for number, body in enumerate((SHAKE, *bodies))]
    return {
        "n": 7, "do": "heard", "at": 1_000_000, "network": "bittorrent", "file": "a" * 40, "pieces": pieces,
        "address": "192.0.2.7", "port": 6881, "way": "plain", "end": "", "wire": wire,
    }  # fmt: skip


def have(piece: int) -> bytes:
    return struct.pack(">BI", messages.HAVE, piece)


@pytest.mark.parametrize(
    ("bodies", "pieces", "counted"),
    [
        ((b"\x05\xff\xf0",), 12, (12, 12)),
        ((b"\x05\xff\xe0",), 12, (11, 12)),
        ((b"\x05\xff\xe0", have(11)), 12, (12, 12)),
        ((bytes((messages.HAVE_ALL,)),), 12, (12, 12)),
        ((bytes((messages.HAVE_ALL,)),), None, (None, None)),
        ((have(3),), 12, (1, 12)),
        ((b"\x05\xff\xf0",), None, (12, 16)),  # up to seven too many: never told as more than it has
        ((b"\x05\x00\x00",), 12, None),
        ((bytes((messages.HAVE_NONE,)),), 12, None),
        ((bytes((messages.HAVE_NONE,)), have(0), have(0)), 12, (1, 12)),
        ((), 12, None),
        ((b"\x05\xff\xff",), 12, None),  # bits for pieces that there are not
        ((b"\x05\xff\xf0\x00",), 12, None),  # a bitfield of another length
        ((have(12),), 12, None),
        ((have(0xFFFFFFFF),), None, None),
    ],
)
def test_pieces_are_counted_as_they_were_said(
    bodies: tuple[bytes, ...], pieces: int | None, counted: tuple[int | None, int | None] | None
) -> None:
    offers = list(bittorrent.offers_in(entry(*bodies, pieces=pieces), hearsay=False))
    assert [(offer.have, offer.total) for offer in offers] == ([counted] if counted else [])
    for offer in offers:
        assert (offer.identity, offer.identity_kind) == (b"-XX1234-abcdefghijkl".hex(), "peer_id")
        assert (offer.evidence, offer.client, offer.place) == (
            "handshake",
            "peer id -XX1234-",
            Place("192.0.2.7", 6881),
        )
        assert offer.at == 1_000_000 + 100 * (len(bodies) + 1)


def test_the_client_says_its_name_and_control_letters_are_left_out() -> None:
    said = bytes((20, 0)) + bencode.encode({b"v": "Client\n\x1b[31m 1.0 \u00fc".encode(), b"m": {}})
    (offer,) = bittorrent.offers_in(entry(said, b"\x05\xff\xf0"), hearsay=False)
    assert offer.client == "Client[31m 1.0 ü"
    for odd in (b"d1:vi3ee", b"le", b"", b"d1:v99:x", b"d" * 50):
        (offer,) = bittorrent.offers_in(entry(bytes((20, 0)) + odd, b"\x05\xff\xf0"), hearsay=False)
        assert offer.client == "peer id -XX1234-"


def test_peers_are_told_by_trackers_the_table_and_each_other() -> None:
    compact = bytes((192, 0, 2, 1)) + struct.pack(">H", 7001)
    six = bytes.fromhex("20010db8000000000000000000000001") + struct.pack(">H", 7002)
    exchange = bytes((20, 1)) + bencode.encode({b"added": compact, b"added6": six, b"added.f": b"\0"})
    assert [place for place, _ in bittorrent.told_in(entry(exchange))] == [
        Place("192.0.2.1", 7001),
        Place("2001:db8::1", 7002),
    ]
    told = {
        "do": "told",
        "network": "bittorrent",
        "at": 5,
        "file": "a" * 40,
        "by": "tracker",
        "from": "http://t.example.org/",
    }
    answer = bencode.encode({b"interval": 60, b"peers": compact, b"peers6": six})
    found = list(bittorrent.offers_in({**told, "answer": b64encode(answer).decode()}, hearsay=True))
    assert [(one.place.port, one.evidence, one.identity_kind) for one in found] == [
        (7001, "tracker", "endpoint"), (7002, "tracker", "endpoint"),
    ]  # fmt: skip
    assert not list(bittorrent.offers_in({**told, "answer": b64encode(answer).decode()}, hearsay=False))
    old = bencode.encode({b"peers": [{b"ip": b"192.0.2.9", b"port": 99}], b"min interval": 90, b"interval": 60})
    assert (trackers.peers_in("http://t/", old), trackers.interval_in("http://t/", old)) == ([("192.0.2.9", 99)], 90)
    packet = struct.pack(">IIIII", 1, 0, 77, 0, 1) + compact + b"4"
    assert (trackers.peers_in("udp://t:1", packet), trackers.interval_in("udp://t:1", packet)) == (
        [("192.0.2.1", 7001)],
        77,
    )


def test_what_is_broken_ends_nothing_and_is_no_offer_of_more_pieces_than_there_are() -> None:
    rng = random.Random(3)
    for _ in range(3000):
        given = rng.randbytes(rng.randrange(60))
        trackers.peers_in("http://t/", given)
        trackers.interval_in("udp://t:1", given)
        for offer in bittorrent.offers_in(entry(bytes((20, 0)) + given, b"\x05" + given), hearsay=True):
            assert 0 < (offer.have or 0) <= (offer.total or 0) == 12
        list(bittorrent.told_in(entry(bytes((20, 1)) + given)))
        reader = messages.Reader()
        try:
            list(reader.feed(SHAKE + given))
        except (messages.ContentOffered, ValueError):
            continue


def test_content_is_let_go_of_at_its_head_however_it_arrives() -> None:
    stream = SHAKE + b"\x00\x00\x00\x02\x05\xff" + struct.pack(">IBII", 9 + 16384, 7, 0, 0) + b"content" * 2000
    for step in (1, 5, 68, 75, 4000):
        reader, read = messages.Reader(), list[Any]()

        def feed(reader: messages.Reader = reader, read: list[Any] = read, step: int = step) -> None:
            for at in range(0, len(stream), step):
                read.extend(reader.feed(stream[at : at + step]))

        with pytest.raises(messages.ContentOffered):
            feed()
        assert read == [SHAKE, b"\x05\xff"]
        assert b"content" not in bytes(reader._held)


def test_a_message_that_is_not_read_is_passed_over() -> None:
    reader = messages.Reader()
    stream = SHAKE + struct.pack(">IB", 13, 6) + bytes(12) + bytes(4) + b"\x00\x00\x00\x02\x05\xf0"
    assert [one for at in range(len(stream)) for one in reader.feed(stream[at : at + 1])] == [
        SHAKE,
        (6, 13),
        b"\x05\xf0",
    ]


def test_only_public_addresses_and_high_ports_are_asked() -> None:
    reach = Reach(also=("192.0.2.0/24",), never=("192.0.2.66/32", "2001:4860::/32"))
    asked = {
        ("192.0.2.5", 6881): True, ("192.0.2.66", 6881): False, ("192.0.2.5", 25): False, ("127.0.0.1", 6881): False,
        ("10.1.2.3", 6881): False, ("169.254.1.1", 6881): False, ("239.1.2.3", 6881): False, ("::1", 6881): False,
        ("fe80::1", 6881): False, ("2001:4860::1", 6881): False, ("no address", 6881): False, ("192.0.2.5", 70000): False,
    }  # fmt: skip
    assert {place: reach.allows(*place) for place in asked} == asked


def test_the_clock_is_measured_and_a_server_that_answers_something_else_is_not_believed() -> None:
    class Server(asyncio.DatagramProtocol):
        def __init__(self, change: int) -> None:
            self._change = change

        def connection_made(self, transport: Any) -> None:
            self._line = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            stamp = clock._stamp(clock.now_ms() / 1000 + 2.5)
            answer = bytearray(bytes((0x24, 2, 0, 0)) + bytes(20) + data[40:48] + stamp + stamp)
            answer[self._change] ^= 0x07 if self._change == 0 else 0
            answer[31] ^= self._change == 31
            self._line.sendto(bytes(answer), addr)

    async def asked(change: int) -> clock.Measured:
        loop = asyncio.get_running_loop()
        line, _ = await loop.create_datagram_endpoint(lambda: Server(change), local_addr=("127.0.0.1", 0))
        try:
            return await clock.measure([f"127.0.0.1:{line.get_extra_info('sockname')[1]}"], 0.4)
        finally:
            line.close()

    right, other_mode, other_question = (asyncio.run(asked(change)) for change in (1, 0, 31))
    assert right.offset_ms is not None
    assert right.error_ms is not None
    assert abs(right.offset_ms + 2500) <= right.error_ms + 20
    assert right.source.startswith("NTP 127.0.0.1:")
    assert (other_mode.offset_ms, other_question.offset_ms, other_question.source) == (None, None, "")
