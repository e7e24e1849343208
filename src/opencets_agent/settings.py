"""The settings of an agent: a TOML file, every word of it known. A word that is not known ends it; nothing is guessed.

No setting hides the notice, widens what the order says or lets the agent run without one: there is none to set. Paths are taken
from the file's folder.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from opencets.errors import ActRefused
from opencets.packing.fields import read_fields


@dataclass(frozen=True, slots=True)
class Spool:
    """How much may wait on the device while the server cannot be reached."""

    most_megabytes: float = 200.0


@dataclass(frozen=True, slots=True)
class Sending:
    """How often the agent says that it runs, and how long it waits for an answer."""

    heartbeat_seconds: float = 10.0
    answer_seconds: float = 15.0
    certificate: str = ""
    """A file with the certificate of the server's authority (PEM); empty: those that the system trusts."""


@dataclass(frozen=True, slots=True)
class Files:
    """The folders in which new files are looked at; ``~`` is the account's own."""

    folders: tuple[str, ...] = ("~",)


@dataclass(frozen=True, slots=True)
class Reading:
    """How windows without an accessibility tree are read."""

    ocr: bool = True
    ocr_seconds: float = 2.0
    ocr_language: str = "eng"


@dataclass(frozen=True, slots=True)
class Settings:
    """All of an agent."""

    state: str
    order: str
    trusted_keys: tuple[str, ...]
    libraries: str = "libraries"
    """The folder with phrase libraries; those that the order names are used, and the server brings later versions there."""
    spool: Spool = Spool()
    sending: Sending = Sending()
    files: Files = Files()
    reading: Reading = Reading()


def read_settings(path: Path) -> Settings:
    """The settings of a file. ActRefused names the first word that cannot be used."""
    try:
        settings = read_fields(Settings, tomllib.loads(path.read_text(encoding="utf-8")))
        for name, value, least, most in (
            ("spool.most_megabytes", settings.spool.most_megabytes, 0.01, 100_000),
            ("sending.heartbeat_seconds", settings.sending.heartbeat_seconds, 0.2, 60),
            ("sending.answer_seconds", settings.sending.answer_seconds, 0.2, 120),
            ("reading.ocr_seconds", settings.reading.ocr_seconds, 2, 600),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} is from {least} to {most}")
        if not settings.trusted_keys:
            raise ValueError("it trusts no key (trusted_keys), so no order can hold")
    except (OSError, ValueError) as reason:
        raise ActRefused(f"The settings {path.name} cannot be used: {reason}. The agent does not start.") from None
    return settings
