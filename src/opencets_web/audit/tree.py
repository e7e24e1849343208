"""Merkle tree hashes and proofs of RFC 6962, sections 2.1 to 2.1.2: grown leaf by leaf, proven, and checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of a list of leaf hashes (section 2.1), by the definition: the plain reference."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    cut = _cut(len(leaves))
    return node_hash(root_of(leaves[:cut]), root_of(leaves[cut:]))


def inclusion_proof(number: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of section 2.1.1: the hashes that lead from leaf ``number`` to the root, nearest first."""
    if not 0 <= number < len(leaves):
        raise ValueError(f"A tree of {len(leaves)} leaves has no leaf {number}.")
    if len(leaves) == 1:
        return []
    cut = _cut(len(leaves))
    if number < cut:
        return [*inclusion_proof(number, leaves[:cut]), root_of(leaves[cut:])]
    return [*inclusion_proof(number - cut, leaves[cut:]), root_of(leaves[:cut])]


def consistency_proof(first: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PROOF(m, D[n]) of section 2.1.2: that the tree of the first ``first`` leaves is the beginning of the whole one."""
    if not 0 < first <= len(leaves):
        raise ValueError(f"The first {first} of {len(leaves)} leaves are no beginning.")

    def subproof(size: int, part: Sequence[bytes], whole: bool) -> list[bytes]:
        if size == len(part):
            return [] if whole else [root_of(part)]
        cut = _cut(len(part))
        if size <= cut:
            return [*subproof(size, part[:cut], whole), root_of(part[cut:])]
        return [*subproof(size - cut, part[cut:], False), root_of(part[:cut])]

    return subproof(first, leaves, True)


def included(number: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf to the root of a tree of ``size`` leaves (RFC 9162, section 2.1.3 (verifying))."""
    if not 0 <= number < size:
        return False
    place, last, found = number, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(step, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, step)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def consistent(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows the first tree to be the beginning of the second (RFC 9162, section 2.1.4 (verifying))."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    steps = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not steps:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, step)
        place, last = place >> 1, last >> 1
    return last == 0 and (old, new) == (first_root, second_root)


def _cut(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)
