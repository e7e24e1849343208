"""Merkle tree hashes of RFC 6962, section 2.1, grown leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


class AuditPaths:
    """Audit paths (RFC 6962, section 2.1.1) of a few leaves, in one pass over all leaves of a tree of known size.

    Held are the hashes that stand on these paths, and the tree's right edge: never the leaves.
    """

    def __init__(self, size: int, numbers: Iterable[int]) -> None:
        self.size = size
        self._taken = 0
        self._edge: list[tuple[int, bytes]] = []
        self._wanted = {node for number in numbers for node in self._siblings(number) if self._is_full(*node)}
        self._found: dict[tuple[int, int], bytes] = {}

    def append(self, leaf: bytes) -> None:
        """Take the next leaf hash."""
        level, place, root = 0, self._taken, leaf
        self._keep(level, place, root)
        while self._edge and self._edge[-1][0] == level:
            root = node_hash(self._edge.pop()[1], root)
            level, place = level + 1, place >> 1
            self._keep(level, place, root)
        self._edge.append((level, root))
        self._taken += 1

    def root(self) -> bytes:
        """The root over the leaves taken."""
        return self._edge_from(0) if self._edge else sha256(b"").digest()

    def path(self, number: int) -> list[bytes]:
        """The audit path of a leaf that was named, lowest hash first, once every leaf was taken."""
        return [
            self._found[level, place] if self._is_full(level, place) else self._edge_from(place << level)
            for level, place in self._siblings(number)
        ]

    def _siblings(self, number: int) -> Iterator[tuple[int, int]]:
        """The nodes beside the way from a leaf to the root: (level, place), lowest first."""
        level, place, last = 0, number, self.size - 1
        while last > 0:
            # The last node of a level without a neighbour goes up as it is.
            if place & 1 or place != last:
                yield level, place ^ 1
            level, place, last = level + 1, place >> 1, last >> 1

    def _is_full(self, level: int, place: int) -> bool:
        return (place + 1) << level <= self.size

    def _keep(self, level: int, place: int, root: bytes) -> None:
        if (level, place) in self._wanted:
            self._found[level, place] = root

    def _edge_from(self, begin: int) -> bytes:
        """The root over the leaves from ``begin`` to the last, which is where a subtree of the right edge begins."""
        place, root = self._taken, b""
        for level, left in reversed(self._edge):
            place -= 1 << level
            if place < begin:
                break
            root = node_hash(left, root) if root else left
        return root
