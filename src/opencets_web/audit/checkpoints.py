"""Checkpoints to hold outside: signed, with the keys, and with the proof that they continue an earlier one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opencets.errors import ActRefused
from opencets_web.audit import keychain
from opencets_web.audit.models import Checkpoint, Seal, SigningKey
from opencets_web.audit.sealer import told
from opencets_web.audit.tree import consistency_proof

FORMAT = "opencets-checkpoint-1"


def write_checkpoint(since: int | None = None) -> dict[str, Any]:
    """The last checkpoint as a file holds it; ``since``: with the proof (RFC 6962, 2.1.2) that it continues so many leaves.

    ActRefused: nothing is sealed yet, the last checkpoint is unsigned, or the log has fewer leaves than ``since``.
    """
    point = Checkpoint.objects.order_by("-size").first()
    if point is None or point.signature is None:
        raise ActRefused("Nothing is sealed and signed yet: opencets seal does it.")
    if since is not None and not 0 < since <= point.size:
        raise ActRefused(f"The log has {point.size} leaves sealed: fewer than the {since} of the earlier checkpoint.")
    leaves = Seal.objects.filter(leaf_number__lt=point.size).order_by("leaf_number").values_list("act__leaf", flat=True)
    return as_held(told(point), keychain.keys_of(list(SigningKey.objects.order_by("number"))), since, leaves)


def as_held(
    point: dict[str, Any], keys: list[dict[str, Any]], since: int | None, leaves: Iterable[bytes | memoryview]
) -> dict[str, Any]:
    """A checkpoint as a file holds it; ``leaves`` are read where ``since`` asks for a proof."""
    held = {name: value for name, value in point.items() if name not in {"line", "frontier"}}
    held |= {"format": FORMAT, "keys": keys}
    if since is not None:
        proof = consistency_proof(since, [bytes(leaf) for leaf in leaves])
        held |= {"since": {"size": since}, "proof": [step.hex() for step in proof]}
    return held
