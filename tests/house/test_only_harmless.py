"""Addresses, mailboxes and web addresses in this repository belong to nobody: documentation ranges and example domains."""

from __future__ import annotations

import ipaddress
import re

from tests.house.repository import files, lines, nothing, short

LOOKED_AT = {".py", ".md", ".html", ".yaml", ".yml", ".json", ".ts", ".csv", ".txt", ".eml", ".mbox", ".toml"}
LEFT_OUT = ("package-lock.json",)
IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)")
MAILBOX = re.compile(r"[A-Za-z0-9._%+-]+@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})")
RESERVED = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|org|net))?|test|invalid|localhost|local)$")
NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",  # documentation, RFC 5737
        "127.0.0.0/8", "0.0.0.0/32", "255.255.255.255/32",  # this machine, none, all
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",  # nobody's on the internet
        "224.0.0.0/4", "198.18.0.0/15", "192.0.0.0/24", "240.0.0.0/4",  # groups, measurements, protocols, later use
    )
]  # fmt: skip
RULES_BY_NAME = {
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "icloud.com", "me.com", "yahoo.com", "proton.me", "protonmail.com",
    "fastmail.com", "live.com", "msn.com", "ymail.com", "mac.com", "pm.me", "aol.com", "gmx.net", "gmx.de", "web.de", "qq.com",
    "ya.ru", "yandex.ru", "yandex.com",
}  # fmt: skip
"""Providers whose spelling rules the e-mail reader knows: only these may stand in rules and their tests."""

CHAT_SERVERS = {"s.whatsapp.net", "g.us", "c.us", "lid", "broadcast"}
"""WhatsApp writes a telephone number as number@server: no mailbox."""


def _addresses(line: str) -> list[str]:
    found = []
    for text in IPV4.findall(line):
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError:
            continue
        if not any(address in network for network in NETWORKS):
            found.append(text)
    return found


def test_every_ip_address_is_nobodys() -> None:
    found = [
        f"{short(path)}:{number}: {address}"
        for path in files()
        if path.suffix in LOOKED_AT and path.name not in LEFT_OUT
        for number, line in lines(path)
        for address in _addresses(line)
    ]
    nothing(found)


def test_every_mailbox_is_nobodys() -> None:
    found = [
        f"{short(path)}:{number}: {domain}"
        for path in files()
        if path.suffix in LOOKED_AT and path.name not in LEFT_OUT
        for number, line in lines(path)
        for domain in MAILBOX.findall(line)
        if not RESERVED.search(domain.lower()) and domain.lower() not in RULES_BY_NAME | CHAT_SERVERS
    ]
    nothing(found)


def test_no_picture_or_video_lies_in_the_repository_beside_the_drawn_ones() -> None:
    """Test pictures are generated; what lies here is the mark, and pictures of OpenCETS itself in the documentation."""
    media = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".heic", ".avif", ".mp4", ".mov", ".mkv", ".avi", ".webm"}
    found = [short(path) for path in files() if path.suffix.lower() in media]
    nothing([name for name in found if not name.startswith(("docs/", "frontend/public/"))])
