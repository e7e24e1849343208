"""Acts that ask for a second factor again, declared in ``data/dangerous.yaml``: by the name of their address and the method."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml


@cache
def dangerous_acts() -> dict[str, tuple[str, frozenset[str]]]:
    """What is done there, in words, and the methods that do it, by the name of the address."""
    rows = yaml.safe_load((Path(__file__).parent / "data" / "dangerous.yaml").read_text("utf-8"))["acts"]
    return {row["address"]: (row["does"], frozenset(row.get("methods", ["POST"]))) for row in rows}


def what_is_dangerous(address: str, method: str) -> str:
    """What the act does, in words; empty where it needs no new proof."""
    does, methods = dangerous_acts().get(address, ("", frozenset()))
    return does if method in methods else ""
