"""Message stream encryption, the calling side: a Diffie-Hellman exchange of 768 bits, then RC4.

Many clients talk only so. It hides nothing from anybody who knows the file's digest, and is no secret to keep: it is spoken
to be answered. The protocol is that of the Vuze wiki, "Message Stream Encryption" (2006).
"""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import Awaitable, Callable
from hashlib import sha1

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext

PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563",
    16,
)
"""The first prime of RFC 2409, with its last 64 bits as that protocol has them."""
KEY_BYTES = 96
LONGEST_PADDING = 512
RC4 = 2


async def agree(
    read: Callable[[int], Awaitable[bytes]], write: Callable[[bytes], Awaitable[None]], info_hash: bytes, first: bytes
) -> tuple[CipherContext, CipherContext]:
    """Agree on keys and send ``first`` with them; what encrypts what follows, and what decrypts it.

    ``read`` gives exactly as many bytes as asked. ValueError: the other side does not speak it.
    """
    private = int.from_bytes(secrets.token_bytes(20))
    await write(pow(2, private, PRIME).to_bytes(KEY_BYTES) + secrets.token_bytes(secrets.randbelow(LONGEST_PADDING)))
    theirs = int.from_bytes(await read(KEY_BYTES))
    if not 1 < theirs < PRIME - 1:
        raise ValueError("it gave no key")
    shared = pow(theirs, private, PRIME).to_bytes(KEY_BYTES)
    out, back = _cipher(b"keyA" + shared + info_hash), _cipher(b"keyB" + shared + info_hash)
    obscured = bytes(
        left ^ right
        for left, right in zip(sha1(b"req2" + info_hash).digest(), sha1(b"req3" + shared).digest(), strict=True)
    )
    offer = bytes(8) + struct.pack(">IHH", RC4, 0, len(first)) + first
    await write(sha1(b"req1" + shared).digest() + obscured + out.update(offer))
    mark = back.update(bytes(8))
    seen = await read(8)
    while seen[-8:] != mark:
        if len(seen) >= LONGEST_PADDING + 8:
            raise ValueError("its answer has no mark")
        seen += await read(1)
    chosen, padding = struct.unpack(">IH", back.update(await read(6)))
    if chosen != RC4 or padding > LONGEST_PADDING:
        raise ValueError("it chose what was not offered")
    if padding:
        back.update(await read(padding))
    return out, back


def _cipher(key: bytes) -> CipherContext:
    cipher = Cipher(ARC4(sha1(key).digest()), mode=None).encryptor()
    cipher.update(bytes(1024))
    return cipher


def reader_of(stream: asyncio.StreamReader) -> Callable[[int], Awaitable[bytes]]:
    """Exactly so many bytes of a stream."""
    return stream.readexactly
