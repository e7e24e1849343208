"""Merkle tree hashes of RFC 6962, section 2.1, grown leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256


def leaf_hash(content: bytes) -> bytes:
    """Hash of a leaf: SHA-256 over 0x00 and the content."""
    return sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256 over 0x01, the left and the right hash."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: for each set bit of ``size``, the root of a full subtree, largest first."""

    def __init__(self, size: int = 0, roots: Iterable[bytes] = ()) -> None:
        self.size = size
        self.roots = list(roots)
        if len(self.roots) != size.bit_count():
            raise ValueError(f"A tree of {size} leaves has {size.bit_count()} full subtrees, not {len(self.roots)}.")

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        root = leaf
        remaining = self.size
        while remaining & 1:
            root = node_hash(self.roots.pop(), root)
            remaining >>= 1
        self.roots.append(root)
        self.size += 1

    def root(self) -> bytes:
        """The tree's root; of the empty tree the SHA-256 of nothing."""
        if not self.roots:
            return sha256(b"").digest()
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        """The subtree roots, 32 bytes each."""
        return b"".join(self.roots)

    @classmethod
    def from_bytes(cls, size: int, stored: bytes) -> Frontier:
        """The frontier as ``to_bytes`` wrote it."""
        return cls(size, [stored[place : place + 32] for place in range(0, len(stored), 32)])
