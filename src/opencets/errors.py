"""One tree of errors.

::

    OpenCETSError
    ├── ValueRefused        a value is not of its kind (not an e-mail address, a checksum fails)
    ├── SourceRefused       a file or package cannot be read at all
    │   ├── NotThisFormat   the bytes are not what the reader reads
    │   ├── LimitReached    a limit of time, memory, size, count or nesting stopped the reading
    │   └── DamagedSource   the bytes are of the format, and broken
    ├── ActRefused          an act asked for cannot be done as asked
    │   └── NotFound        absent or not for this actor: the two look alike
    ├── PurposeMissing      nobody has said yet, today, why this is looked at
    └── Interrupted         something outside stopped the work; trying again can help

Every error carries a ``code`` for machines, a sentence for people, and says whether retrying can help.
A sentence says what was tried, what stopped it, where, and what to do. It never contains a hidden name.
"""

from __future__ import annotations

from typing import ClassVar


class OpenCETSError(Exception):
    """The root of the tree. ``str()`` gives the sentence for people."""

    code: ClassVar[str] = "error"
    retry_helps: ClassVar[bool] = False

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class ValueRefused(OpenCETSError):
    """A value is not of the kind it was given as; the raw text is kept by the caller."""

    code = "value-refused"


class SourceRefused(OpenCETSError):
    """A file or package cannot be read at all."""

    code = "source-refused"


class NotThisFormat(SourceRefused):
    """The bytes are not of the format that the reader reads."""

    code = "not-this-format"


class LimitReached(SourceRefused):
    """A limit (time, memory, size, count, nesting, ratio) stopped the reading."""

    code = "limit-reached"


class DamagedSource(SourceRefused):
    """The bytes are of the format and broken; what was read before the break is kept."""

    code = "damaged"


class ActRefused(OpenCETSError):
    """An act cannot be done as asked."""

    code = "refused"


class NotFound(ActRefused):
    """Absent, or not for this actor. The difference stands in the audit log only."""

    code = "not-found"

    def __init__(self, sentence: str = "Not found.") -> None:
        super().__init__(sentence)


class PurposeMissing(OpenCETSError):
    """An act on a case, or across cases, whose officer has not said today why. Said, the same act can be done."""

    code = "purpose"
    retry_helps = True


class Interrupted(OpenCETSError):
    """Something outside stopped the work; nothing acknowledged is lost, trying again can help."""

    code = "interrupted"
    retry_helps = True
