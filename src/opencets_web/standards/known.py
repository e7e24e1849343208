"""The standards that this node knows: its own files, and those in ``standards`` of its home. Read once, when it starts."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from opencets_web.standards.vocabulary import HERE, Standards, read


@cache
def known() -> Standards:
    """Every version of every checklist and every set of clocks; SourceRefused where a file is not right."""
    return read(HERE, settings.HOME / "standards")
