"""Serial numbers of cameras.

Canonical: ``maker|model|number`` in lower case, so that two makers' equal numbers stay apart.
"""

from __future__ import annotations

from opencets.values.serials import maker_model_serial


def normalise(raw: str, *, maker: str = "", model: str = "", **context: str) -> str:
    """The serial number with ``maker`` and ``model``.

    Refuses default numbers, runs, and numbers too short to name one camera.
    """
    return maker_model_serial(raw, maker, model)
