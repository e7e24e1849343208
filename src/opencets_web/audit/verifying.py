"""Whether a log is as it was written: computed again from its lines, alone and against what is held outside.

Every leaf is hashed again, every root grown again, every signature of a checkpoint and of a key checked. The first row that is not
as it was written is named. Whoever can write every table, and has not the key, still leaves a trace; whoever takes away the end
of the log together with its checkpoints, or has the key, is found by a checkpoint that somebody holds outside.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from opencets_web.audit.signed import (
    FIELDS,
    checkpoint_text,
    export_text,
    from_hex,
    holds,
    key_text,
    last_line,
    leaf_text,
)
from opencets_web.audit.tree import Frontier, consistent, included, leaf_hash

CLOCK = timedelta(seconds=2)
"""By how much the database's clock may step back before an act counts as back-dated."""


@dataclass(slots=True)
class Finding:
    """What a verification found; ``bad`` names the first row that is not as it was written."""

    acts: int = 0
    sealed: int = 0
    root: str = ""
    bad: str = ""
    act: int | None = None
    key: str = ""
    held: int = 0
    signed_from: int | None = None


class Bad(Exception):
    """Something is not as it was written: the sentence, and the act's number where one is known."""

    def __init__(self, sentence: str, act: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.act = sentence, act


def verify_lines(
    lines: Iterable[dict[str, Any]],
    *,
    held: Sequence[dict[str, Any]] = (),
    root: str = "",
    key: str = "",
    export: bool = False,
) -> Finding:
    """Verify a log, line by line; stops at the first bad row.

    ``held``: checkpoints kept outside, as ``opencets audit checkpoint`` wrote them: the log has to continue each. ``root``: one
    noted by hand. ``key``: the public key that signs now, known from elsewhere. ``export``: the lines have to end with their
    signature.
    """
    log = _Log(held={int(point["size"]): point for point in held})
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            try:
                log.take(line)
            except (KeyError, TypeError, ValueError, AttributeError):
                raise Bad(
                    f"Line {number} lacks a part or has a wrong one: {json.dumps(line, default=str)[:120]}"
                ) from None
        log.end(root, key, export)
    except Bad as bad:
        log.finding.bad, log.finding.act = bad.sentence, bad.act
    log.finding.sealed, log.finding.root = log.frontier.size, log.frontier.root().hex()
    return log.finding


def verify_held(point: dict[str, Any], since: dict[str, Any] | None = None) -> None:
    """Check a held checkpoint by itself: keys and signature; and that it continues ``since``. Bad: it does not."""
    keys = _Keys()
    try:
        for key in point["keys"]:
            keys.take(key)
        keys.check(point)
        if since is None:
            return
        verify_held(since)
        if [entry["public"] for entry in since["keys"]] != keys.publics[: len(since["keys"])]:
            raise Bad("The later checkpoint has other keys than the earlier one: they are of two logs.")
        if int(point["since"]["size"]) != int(since["size"]):
            raise Bad(
                f"The later checkpoint proves that it continues {point['since']['size']} leaves, not {since['size']}."
            )
        proof = [from_hex(step) for step in point["proof"]]
        roots = from_hex(since["root"]), from_hex(point["root"])
        if not consistent(int(since["size"]), int(point["size"]), *roots, proof):
            raise Bad(
                f"The log over {point['size']} leaves does not continue the one over {since['size']}: it was rewritten."
            )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Bad("A held checkpoint lacks a part or has a wrong one.") from None


@dataclass(slots=True)
class _Keys:
    """The keys of a log, each signed by the one before."""

    publics: list[str] = field(default_factory=list)
    since: list[int] = field(default_factory=list)

    def take(self, line: dict[str, Any]) -> None:
        number, public = int(line["number"]), str(line["public"])
        if number != len(self.publics) + 1:
            raise Bad(f"Key {len(self.publics) + 1} is missing from the keys.")
        signed_by = self.publics[-1] if self.publics else public
        if not holds(from_hex(signed_by), from_hex(line["signature"]), key_text(line)):
            raise Bad(f"Key {number} is not as it was written: its signature does not fit.")
        if self.since and int(line["since"]) < self.since[-1]:
            raise Bad(f"Key {number} is not as it was written: it begins before the one before it.")
        self.publics.append(public)
        self.since.append(int(line["since"]))

    def check(self, point: dict[str, Any]) -> None:
        """Bad: the checkpoint is not signed by its key."""
        size, number = int(point["size"]), point["key"]
        if not isinstance(number, int) or not 0 < number <= len(self.publics):
            raise Bad(f"The checkpoint over {size} leaves names no key of the log.")
        if size <= self.since[number - 1] or (number < len(self.since) and size > self.since[number]):
            raise Bad(
                f"The checkpoint over {size} leaves is signed with key {number}, which did not sign at that time."
            )
        public = from_hex(self.publics[number - 1])
        if not holds(public, from_hex(point["signature"]), checkpoint_text(point)):
            raise Bad(f"The checkpoint over {size} leaves is not as it was signed: its signature does not fit.")


@dataclass(frozen=True, slots=True)
class _Written:
    leaf: bytes
    written_in: int
    at: datetime


@dataclass(slots=True)
class _Log:
    held: dict[int, dict[str, Any]] = field(default_factory=dict)
    finding: Finding = field(default_factory=Finding)
    keys: _Keys = field(default_factory=_Keys)
    points: dict[int, dict[str, Any]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    turn: int = 0
    now: datetime | None = None
    waiting: dict[int, _Written] = field(default_factory=dict)
    frontier: Frontier = field(default_factory=Frontier)
    batch: list[tuple[int, int, bytes, bytes]] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    last_act: int = 0
    extract: bool = False
    ended: bool = False
    kinds: list[str] = field(default_factory=lambda: ["header"])

    def take(self, line: dict[str, Any]) -> None:
        kind = str(line["line"])
        if self.ended:
            raise Bad("Something stands after the signature: it was added after the export.")
        if kind in self.kinds[:-1]:
            raise Bad(
                f"A line of the kind {kind} stands after one of the kind {self.kinds[-1]}: the lines were reordered."
            )
        if kind != self.kinds[-1]:
            self.kinds.append(kind)
        if kind == "act":
            self._proven(line) if self.extract else self._act(line)
        elif kind == "seal":
            self._seal(line)
        elif kind == "checkpoint":
            self._checkpoint(line)
        elif kind == "key":
            self.keys.take(line)
        elif kind == "header":
            self.extract = bool(line.get("extract", False))
            self.now = datetime.fromisoformat(line["at"])
        elif kind == "signature":
            self._signature(line)
        else:
            raise ValueError

    def _signature(self, line: dict[str, Any]) -> None:
        self.ended = True
        if int(line["key"]) != len(self.keys.publics):
            raise Bad("The export is not signed with the last key of its log.")
        public, signature = from_hex(self.keys.publics[-1]), from_hex(line["signature"])
        if line["row"] != last_line(len(self.keys.publics), signature):
            raise Bad("The line of the signature is not as it was written.")
        if not holds(public, signature, export_text(line["digest"])):
            raise Bad("The signature does not fit: a line was changed, added or taken away after the export.")

    def _checkpoint(self, line: dict[str, Any]) -> None:
        size, last = int(line["size"]), self.sizes[-1] if self.sizes else 0
        if size <= last:
            raise Bad(f"The checkpoint over {size} leaves stands after the one over {last}: the lines were reordered.")
        if line["signature"] is None:
            if not self.keys.since or size <= self.keys.since[0]:
                self._keep(size, line)  # of the time before checkpoints were signed
                return
            raise Bad(f"The checkpoint over {size} leaves carries no signature.")
        self.keys.check(line)
        if not self.extract and int(line["after"]) != last:
            raise Bad(
                f"A checkpoint is gone: the one over {size} leaves follows one over {line['after']}, not over {last}."
            )
        self._keep(size, line)

    def _keep(self, size: int, line: dict[str, Any]) -> None:
        self.points[size] = line
        self.sizes.append(size)

    def _act(self, line: dict[str, Any]) -> None:
        number = int(line["id"])
        leaf = _leaf(line)
        self.finding.acts += 1
        if leaf.hex() != line["leaf"]:
            raise Bad(f"Act {number} is not as it was written: its leaf hash differs.", number)
        if number == self.last_act:
            raise Bad(f"Act {number} is there twice.", number)
        if number < self.last_act:
            raise Bad(f"Act {number} stands after act {self.last_act}: the lines were reordered.", number)
        self.last_act = number
        self.waiting[number] = _Written(leaf, int(line["written_in"]), datetime.fromisoformat(line["at"]))

    def _seal(self, line: dict[str, Any]) -> None:
        place, act = int(line["leaf_number"]), int(line["act_id"])
        if place < self.frontier.size:
            raise Bad(f"Leaf {place} stands twice, or after a later one: the seals were reordered.", act)
        if place > self.frontier.size:
            raise Bad(f"Leaf {self.frontier.size} is missing from the seals{self._before_which(act)}.")
        written = self.waiting.pop(act, None)
        if written is None:
            raise Bad(f"Act {act} was sealed as leaf {place} and is gone (or is sealed twice).", act)
        kept = line["leaf"]
        if kept is not None and kept != written.leaf.hex():
            self._name_leaf(place, act, from_hex(kept), line["signature"])
            raise Bad(f"Act {act} is not as it was sealed: leaf {place} has another hash.", act)
        if kept is None and self._next_point().get("signature") is not None:
            raise Bad(f"The seal of act {act} (leaf {place}) is not as it was written: its hash is gone.", act)
        self._in_its_time(act, written)
        mark = from_hex(line["signature"]) if line["signature"] is not None else b""
        self.batch.append((place, act, written.leaf, mark))
        self.frontier.append(written.leaf)
        self._held_here(act)
        if self.frontier.size in self.points:
            self._at_checkpoint(self.points[self.frontier.size])

    def _before_which(self, act: int) -> str:
        return f" (before the one of act {act})"

    def _name_leaf(self, place: int, act: int, leaf: bytes, signature: str | None) -> None:
        """Bad, when it is the seal and not the act that was changed."""
        if signature is not None and not self._marked(place, act, leaf, from_hex(signature)):
            raise Bad(
                f"The seal of act {act} (leaf {place}) is not as it was written: its signature does not fit.", act
            )

    def _marked(self, place: int, act: int, leaf: bytes, mark: bytes) -> bool:
        point = self._next_point()
        number = point.get("key") or len(self.keys.publics)
        public = from_hex(self.keys.publics[int(number) - 1]) if self.keys.publics else b""
        return holds(public, mark, leaf_text(place, act, leaf))

    def _next_point(self) -> dict[str, Any]:
        """The checkpoint that holds the leaf being read; the last where none does."""
        return self.points[self.sizes[min(self.turn, len(self.sizes) - 1)]] if self.sizes else {}

    def _in_its_time(self, act: int, written: _Written) -> None:
        """Bad: the act was written at another time than its number of transaction and its place allow."""
        point = self._next_point()
        if not point or point["signature"] is None:
            return
        if written.at > datetime.fromisoformat(point["at"]) + CLOCK:
            raise Bad(
                f"Act {act} is dated {written.at:%Y-%m-%d %H:%M:%S}, after the checkpoint that seals it: dated forward.",
                act,
            )
        self._after_the_one_before(act, written, rising=int(point["ceiling"]) > 0)

    def _after_the_one_before(self, act: int, written: _Written, *, rising: bool) -> None:
        before = self.before
        if not before or before["signature"] is None or not rising:
            return  # numbers of transactions begin anew where a log is restored into another server
        if written.written_in < int(before["horizon"]):
            raise Bad(
                f"Act {act} was inserted later: it names a transaction that had ended before the checkpoint of {before['at']},"
                " which does not hold it.", act,
            )  # fmt: skip
        if (
            0 < int(before["ceiling"]) <= written.written_in
            and written.at < datetime.fromisoformat(before["at"]) - CLOCK
        ):
            raise Bad(
                f"Act {act} is dated {written.at:%Y-%m-%d %H:%M:%S} and was written after the checkpoint of {before['at']}:"
                " back-dated, or the clock was set back.", act,
            )  # fmt: skip

    def _held_here(self, act: int) -> None:
        point = self.held.pop(self.frontier.size, None)
        if point is None:
            return
        if [entry["public"] for entry in point["keys"]] != self.keys.publics[: len(point["keys"])]:
            raise Bad(
                f"The log has other keys than the checkpoint held outside since {point['at']}: they were replaced.", act
            )
        if str(point["root"]) != self.frontier.root().hex():
            self._locate()
            raise Bad(
                f"The log over {self.frontier.size} leaves (up to act {act}) is not the one of the checkpoint held outside since"
                f" {point['at']}: it was rewritten.", act,
            )  # fmt: skip
        self.finding.held += 1

    def _at_checkpoint(self, point: dict[str, Any]) -> None:
        size = self.frontier.size
        if point["root"] != self.frontier.root().hex():
            self._locate()
            acts, last = [one[1] for one in self.batch], size - 1
            raise Bad(
                f"One of the acts {min(acts)} to {max(acts)} (leaves {self.batch[0][0]} to {last}) is not as it was sealed:"
                f" the root over {size} leaves differs from its checkpoint.", acts[0],
            )  # fmt: skip
        if (
            point["signature"] is not None
            and point["marks"] != sha256(b"".join(one[3] for one in self.batch)).hexdigest()
        ):
            self._locate()
            raise Bad(
                f"The signatures of the leaves {self.batch[0][0]} to {size - 1} are not those of their checkpoint."
            )
        frontier = point.get("frontier")
        if frontier is not None and frontier != self.frontier.to_bytes().hex():
            raise Bad(f"The checkpoint over {size} leaves is not as it was written: its edge of the tree differs.")
        self.before, self.batch, self.turn = point, [], self.turn + 1

    def _locate(self) -> None:
        """Bad: the first leaf since the last checkpoint that was not sealed at its place."""
        size = self.frontier.size
        point = self.points.get(size) or self._next_point()
        number = point.get("key") or len(self.keys.publics)
        if not self.keys.publics or point.get("signature") is None:
            return
        public = from_hex(self.keys.publics[int(number) - 1])
        for place, act, leaf, mark in self.batch:
            if not holds(public, mark, leaf_text(place, act, leaf)):
                raise Bad(
                    f"Act {act} was not sealed as leaf {place}: it was changed, inserted or moved there, or the one before it was"
                    " taken away.", act,
                )  # fmt: skip

    def _proven(self, line: dict[str, Any]) -> None:
        """An act of an extract: its leaf, its place, and the way to the root."""
        number, leaf = int(line["id"]), _leaf(line)
        self.finding.acts += 1
        if leaf.hex() != line["leaf"]:
            raise Bad(f"Act {number} is not as it was written: its leaf hash differs.", number)
        if line["leaf_number"] is None:
            return
        point = self.points[self.sizes[-1]]
        proof = [from_hex(step) for step in line["proof"]]
        if not included(int(line["leaf_number"]), int(point["size"]), leaf, proof, from_hex(point["root"])):
            raise Bad(f"Act {number} is not in the log of its checkpoint: the proof does not lead to the root.", number)

    def end(self, root: str, key: str, export: bool) -> None:
        """What can be said only at the end."""
        if self.keys.publics:
            self.finding.key, self.finding.signed_from = self.keys.publics[-1], self.keys.since[0]
        if not self.extract:
            self._end_of_log(root)
        if export and not self.ended:
            raise Bad("The export ends without its signature: its end was cut off, or the signature taken away.")
        if key and key != self.finding.key:
            raise Bad(f"The log is signed with the key {self.finding.key or 'none'}, not with {key}.")

    def _end_of_log(self, root: str) -> None:
        size, most = self.frontier.size, max(self.points, default=0)
        if most > size:
            raise Bad(
                f"A checkpoint covers {most} leaves; only {size} are there: leaves {size} to {most - 1} are gone."
            )
        if most < size:
            raise Bad(
                f"{size} leaves are sealed and the last checkpoint covers {most}: a checkpoint is gone, or act"
                f" {self.batch[0][1]} and those after it were added as sealed.", self.batch[0][1],
            )  # fmt: skip
        if self.points and self.points[most]["signature"] is None and self.keys.publics and most > self.keys.since[0]:
            raise Bad(f"The last checkpoint, over {most} leaves, carries no signature.")
        if self.points and not self.keys.publics:
            raise Bad(
                "The log has checkpoints and no key that signs them: the keys were taken away, or nothing was sealed since they"
                " came (opencets seal)."
            )
        for number, written in self.waiting.items():
            self._after_the_one_before(number, written, rising=True)
            if self.now is not None and written.at > self.now + CLOCK:
                raise Bad(f"Act {number} is dated {written.at:%Y-%m-%d %H:%M:%S}, which is still to come.", number)
        for held in sorted(self.held):
            raise Bad(
                f"A checkpoint held outside since {self.held[held]['at']} covers {held} leaves; the log has {size}:"
                f" the leaves {size} to {held - 1} are gone, with their checkpoints."
            )
        if root and root not in {point["root"] for point in self.points.values()}:
            raise Bad(f"No checkpoint has the root {root}: the log is not a continuation of the one it was noted from.")


def _leaf(line: dict[str, Any]) -> bytes:
    return leaf_hash("\x1f".join(str(line[name]) for name in FIELDS).encode())


def points_of(held: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Held checkpoints, each checked by itself. Bad: one is not as it was signed."""
    for point in held:
        verify_held(point)
        yield point
