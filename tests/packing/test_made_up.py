"""A made-up device keeps its chain as an agent does: what it makes holds, opens and is signed."""

from __future__ import annotations

import datetime as dt

import pyrage

from opencets.packing.captures import Program, Stopped, beginning, check_chain, open_body, require_signed
from opencets.packing.made_up import MadeUpDevice
from opencets.packing.order import open_request


def test_what_a_made_up_device_makes_holds_as_an_agents_does() -> None:
    service = pyrage.x25519.Identity.generate()
    device = MadeUpDevice("Laptop", recipient=str(service.to_public()))
    later = device.begun + dt.timedelta(minutes=1)
    entries = [device.entry(Program("started", "editor"), later), device.entry(Stopped("at night"), later)]
    assert check_chain(entries, beginning(device.device)) == []
    assert [one.mono_ms for one in entries] == [60_000, 60_000]
    assert open_body(entries[1], [str(service)]) == Stopped("at night")
    assert [one.kind for one in check_chain([device.entry(Stopped("again"), later, seq=9)], entries[-1])] == ["missing"]
    request = open_request(device.request())
    assert (request.device, request.name) == (device.device, "Laptop")
    headers = device.headers(b"body", later)
    assert require_signed(*headers.values(), b"body", request.key) == later.replace(
        microsecond=later.microsecond // 1000 * 1000
    )
