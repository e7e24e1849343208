"""Web addresses. Canonical: host in lower-case ASCII, no fragment, no tracking parameters, no user name or password."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from opencets.errors import ValueRefused
from opencets.values.email import host
from opencets.values.writing import clean

_PORTS = {"http": "80", "https": "443", "ftp": "21", "ftps": "990"}
# Parameters that say where the visitor came from and not what is shown.
_TRACKING = re.compile(
    r"(?:utm_[a-z_]+|fbclid|gclid|dclid|gbraid|wbraid|msclkid|yclid|twclid|ttclid|igshid|igsh|mc_[ce]id|_hsenc|_hsmi|mkt_tok"
    r"|ref_src|ref_url|s_cid|vero_id|oly_enc_id|oly_anon_id|wickedid|_openstat|__twitter_impression)",
    re.IGNORECASE,
)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def normalise(raw: str, **context: str) -> str:
    """The canonical address; one without a scheme (``www.example.org``) gets http.

    Refuses other schemes and non-addresses.
    """
    text = clean(raw, most=4000).strip("<>\"'")
    text = re.sub(r"^hxxp(s?)(:|\[:\])//", r"http\1://", text, flags=re.IGNORECASE).replace("[.]", ".")
    if not re.match(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
        if re.match(r"[a-z][a-z0-9+-]{1,20}:(?!\d)", text, re.IGNORECASE) or not re.match(r"[\w-]+(?:\.[\w-]+)+", text):
            raise ValueRefused(f"“{text[:60]}” is not a web address.")
        text = "http://" + text
    try:
        parts = urlsplit(text)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueRefused(f"“{text[:60]}” is not a web address.") from None
    if parts.scheme not in _PORTS:
        raise ValueRefused(f"“{text[:60]}”: {parts.scheme} is not a web address.")
    name = _host(name)
    if port is not None and str(port) != _PORTS[parts.scheme]:
        name = f"{name}:{port}"
    query = "&".join(
        _escaped(pair) for pair in parts.query.split("&") if pair and not _TRACKING.fullmatch(pair.partition("=")[0])
    )
    return f"{parts.scheme}://{name}{_path(parts.path)}{'?' + query if query else ''}"


def _host(name: str) -> str:
    import ipaddress

    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        host_name = host(name)
        if "." not in host_name:
            raise ValueRefused(f"“{name[:60]}” is not a full host name.") from None
        return host_name
    return f"[{address}]" if address.version == 6 else str(address)


def _path(path: str) -> str:
    kept: list[str] = []
    parts = path.split("/")[1:] or [""]
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        part = _escaped(part)
        if part in (".", ".."):
            if part == ".." and kept:
                kept.pop()
            if last:
                kept.append("")
        else:
            kept.append(part)
    return "/" + "/".join(kept)


def _escaped(part: str) -> str:
    """RFC 3986 section 6.2.2.

    Escapes in upper case, unreserved characters bare, everything else beyond ASCII escaped.
    """

    def one(escape: re.Match[str]) -> str:
        mark = chr(int(escape[1], 16))
        return mark if mark in _UNRESERVED else escape[0].upper()

    part = re.sub(r"%([0-9a-fA-F]{2})", one, part)
    part = re.sub(r"%(?![0-9a-fA-F]{2})", "%25", part)
    return "".join(
        mark
        if mark.isascii() and mark not in ' "<>\\^`{|}#'
        else "".join(f"%{byte:02X}" for byte in mark.encode("utf-8", "replace"))
        for mark in part
    )
