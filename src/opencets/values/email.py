"""E-mail addresses.

Canonical: lower case, ASCII domain (IDNA), without a ``+tag``; dots kept unless the provider ignores them.
"""

from __future__ import annotations

import re
import unicodedata

from opencets.errors import ValueRefused
from opencets.values.writing import clean

# Providers that deliver a.b@ and ab@ to the same mailbox, each by its own help pages.
_DOTS_IGNORED = frozenset(["gmail.com", "proton.me", "protonmail.com", "pm.me"])
_SAME_MAILBOX = {"googlemail.com": "gmail.com"}
_NOT_MAIL = {
    "s.whatsapp.net": "a WhatsApp number",
    "c.us": "a WhatsApp number",
    "g.us": "a WhatsApp group",
    "lid": "a WhatsApp number",
    "broadcast": "a WhatsApp list",
    "talk.kik.com": "a Kik account",
    "groups.kik.com": "a Kik group",
    "thread.skype": "a Skype conversation",
}
# RFC 5322 section 3.2.3 dot-atom, with RFC 6531 letters beyond ASCII; dots anywhere but in front, as some carriers
# gave out.
_LOCAL = re.compile(r"[\w!#$%&'*/=?^`{|}~+-][\w!#$%&'*/=?^`{|}~.+-]{0,63}")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?")


def normalise(raw: str, **context: str) -> str:
    """The canonical address; takes ``Name <address>`` and ``mailto:`` too; refuses what RFC 5321 could not deliver.

    No look-up.
    """
    text = clean(raw, most=1000).replace("＠", "@")
    if inner := re.search(r"<([^<>]{3,400})>", text):
        text = inner[1]
    text = text.strip(" \"'<>()[],;")
    if text[:7].casefold() == "mailto:":
        text = text[7:].partition("?")[0]
    local, at, domain = text.rpartition("@")
    if not at:
        raise ValueRefused(f"“{text[:60]}” has no @; it is not an e-mail address.")
    domain = host(domain)
    if domain in _NOT_MAIL:
        raise ValueRefused(f"“{text[:60]}” is {_NOT_MAIL[domain]}, not an e-mail address.")
    if "." not in domain:
        raise ValueRefused(f"“{text[:60]}”: the part after @ is not a full host name.")
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    local = re.split(r"\+", local, maxsplit=1)[0] if not local.startswith("+") else local
    domain = _SAME_MAILBOX.get(domain, domain)
    if domain in _DOTS_IGNORED:
        local = local.replace(".", "")
    local = local.rstrip(".")
    if not _LOCAL.fullmatch(local):
        raise ValueRefused(f"“{text[:60]}”: the part before @ is not one of an e-mail address.")
    return f"{local}@{domain}"


def host(written: str) -> str:
    """A host name in lower-case ASCII (IDNA 2008 with the UTS 46 mapping); refuses what is not one."""
    name = written.strip().rstrip(".").lower()
    if not name.isascii():
        import idna

        try:
            name = idna.encode(name, uts46=True).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError):
            raise ValueRefused(f"“{written[:60]}” is not a host name.") from None
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ValueRefused(f"“{written[:60]}” is not a host name.")
    return name
