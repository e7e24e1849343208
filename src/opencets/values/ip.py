"""IP addresses. Canonical: dotted decimal (IPv4) or RFC 5952 (IPv6)."""

from __future__ import annotations

import ipaddress
import re

from opencets.errors import ValueRefused
from opencets.values.writing import clean, plain_digits

_LOCAL = [
    ipaddress.ip_network(written)
    for written in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "fe80::/10",
        "fc00::/7",
    )
]

_SHARED = [
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("192.0.0.0/24", "kept for protocols between a carrier and its customers (RFC 6890)"),
        ("2001::/32", "a Teredo address, which changes with each tunnel (RFC 4380)"),
        ("64:ff9b::/96", "the far end seen through a translator, not the caller (RFC 6052)"),
        ("64:ff9b:1::/48", "the far end seen through a translator, not the caller (RFC 8215)"),
    )
]


def normalise(raw: str, **context: str) -> str:
    """The address alone: a port, brackets and an interface name go; an IPv4 address inside IPv6 becomes IPv4.

    Refuses ranges, loopback, unspecified, multicast and broadcast addresses: none of them names anybody.
    """
    text = plain_digits(clean(raw, most=100)).strip("\"'<>() ")
    if "/" in text and not text.endswith(("/32", "/128")):
        raise ValueRefused(f"“{text}” is a range of addresses, not one address.")
    text = text.removesuffix("/32").removesuffix("/128")
    if bracketed := re.fullmatch(r"\[([0-9a-fA-F:.]+)(?:%[\w.-]+)?\](?::\d{1,5})?", text):
        text = bracketed[1]
    elif with_port := re.fullmatch(r"(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}", text):
        text = with_port[1]
    text = text.partition("%")[0]
    if re.fullmatch(r"\d{3}(?:\.\d{3}){3}", text):  # 192.000.002.001: padded, so certainly not octal
        text = ".".join(str(int(part)) for part in text.split("."))
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueRefused(f"“{text}” is not an IP address.") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified or address.is_loopback or address.is_multicast or str(address) == "255.255.255.255":
        raise ValueRefused(f"“{text}” is not the address of a connection.")
    return str(address)


def is_local(address: str) -> bool:
    """Whether a canonical address has a meaning only inside one network (private, carrier-grade NAT, link-local)."""
    one = ipaddress.ip_address(address)
    return any(one.version == network.version and one in network for network in _LOCAL)


def shared_line(address: str) -> str:
    """What a canonical address is that stands for many connections by its very range, or empty.

    Lines that a carrier or a café shares cannot be told by their number: they are found from the data, as values that
    too many hold, and told apart by the port (``ip_port``).
    """
    one = ipaddress.ip_address(address)
    return next((what for network, what in _SHARED if one.version == network.version and one in network), "")


def network_of(address: str) -> str:
    """The network of 64 bits that an IPv6 address is in: what a provider gives to one connection."""
    return str(ipaddress.ip_network(f"{address}/64", strict=False))
