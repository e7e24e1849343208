"""E-mail addresses.

Canonical: lower case, ASCII domain (IDNA), without a ``+tag``; dots kept unless the provider ignores them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import yaml

from opencets.errors import ValueRefused
from opencets.values import Variant
from opencets.values.writing import clean

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
    provider = _providers().get(domain)
    if provider is not None:
        domain = provider.same.get(domain, domain)
        local = "".join(mark for mark in local if mark not in provider.ignores)
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


def variants(normal: str) -> tuple[Variant, ...]:
    """The same mailbox under the provider's other names; the part before the @ under any; the screen name in it."""
    local, _, domain = normal.rpartition("@")
    provider = _providers().get(domain)
    found = []
    if provider is not None and provider.also:
        found.append(
            Variant(f"mailbox:{_alike(local, provider.alike)}@{provider.also[0]}", "which of the provider's names")
        )
    if provider is not None and provider.base and "-" in local:
        found.append(Variant(f"mailbox:{local.rpartition('-')[0]}@{domain}", "the word behind the hyphen"))
    bare = re.sub(r"[^\w]|_", "", local)
    if len(bare) >= 6:
        found.append(Variant(f"local:{bare}", "provider, dots and signs"))
    return tuple(found)


def _alike(local: str, alike: str) -> str:
    return "".join(alike[0] if mark in alike else mark for mark in local) if alike else local


@dataclass(frozen=True, slots=True)
class _Provider:
    """What a provider delivers to one mailbox: see ``providers.yaml``."""

    ignores: str = ""
    alike: str = ""
    base: bool = False
    same: dict[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()


@cache
def _providers() -> dict[str, _Provider]:
    """Domain -> what its provider does."""
    rows = yaml.safe_load(resources.files(__package__).joinpath("providers.yaml").read_text("utf-8"))["providers"]
    found: dict[str, _Provider] = {}
    for row in rows.values():
        domains, same = row["domains"].split(), bool(row.get("same_mailbox"))
        provider = _Provider(
            ignores=row.get("ignores", ""),
            alike=row.get("alike", ""),
            base=bool(row.get("base_and_word")),
            same=dict.fromkeys(domains[1:], domains[0]) if same else {},
            also=() if same or len(domains) < 2 else tuple(domains),
        )
        found.update(dict.fromkeys(domains, provider))
    return found
