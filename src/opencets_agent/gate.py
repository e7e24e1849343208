"""Before anything is taken: settings, device, order, day and account. One that fails ends it, with its own sentence.

The order that holds is the newest version whose signature and chain of versions hold: the file that the settings name, or one that
the server handed since. A version is taken only if it is later, and
replaces exactly the one before where that is the one here.
"""

from __future__ import annotations

import getpass
import ssl
from dataclasses import dataclass
from pathlib import Path

from opencets.errors import ActRefused
from opencets.packing.order import Order, open_order
from opencets_agent.clock import Clock
from opencets_agent.device import Device, open_device, write_whole
from opencets_agent.sending import Way
from opencets_agent.settings import Settings, read_settings

HANDED = "order.json"


@dataclass(frozen=True, slots=True)
class Ready:
    """An agent that may run: everything that it needs was checked."""

    settings: Settings
    base: Path
    folder: Path
    device: Device
    clock: Clock
    order: Order
    account: str
    context: ssl.SSLContext | None


def prepare(path: Path, account: str = "") -> Ready:
    """Everything but taking. ActRefused says what is missing; then nothing is taken and nobody is told anything."""
    settings = read_settings(path)
    base = path.absolute().parent
    folder = base / settings.state
    device = open_device(folder)
    clock = Clock(folder)
    order = standing_order(settings, base, folder, device)
    order.require(device.id, clock.now())
    account = account or getpass.getuser()
    order.require_account(account)
    context = _context(settings, base)
    Way(order.server, context, 1)
    return Ready(settings, base, folder, device, clock, order, account, context)


def standing_order(settings: Settings, base: Path, folder: Path, device: Device) -> Order:
    """The newest version of the order that is on this device. ActRefused: there is none that holds."""
    try:
        given = open_order((base / settings.order).read_bytes(), settings.trusted_keys)
    except OSError:
        raise ActRefused(
            f"There is no order at {settings.order}. This agent takes nothing without a signed order for this device; "
            "bring the request of “opencets agent enrol” to the service. The agent does not start."
        ) from None
    _require_device(given, device)
    try:
        handed = open_order((folder / HANDED).read_bytes(), settings.trusted_keys)
        _require_device(handed, device)
    except (OSError, ActRefused):
        return given
    return handed if handed.order == given.order and handed.version > given.version else given


def adopt(written: bytes, present: Order, ready: Ready) -> Order | None:
    """The order that the server handed, kept, where it is a later version of the present one; None: it is not new.

    ActRefused: it is no order that this device obeys; the present one stays.
    """
    order = open_order(written, ready.settings.trusted_keys)
    if order.digest == present.digest:
        return None
    _require_device(order, ready.device)
    if not (order.follows(present) or _came_after_one_not_seen(order, present)):
        raise ActRefused(
            f"The server handed version {order.version} of the order, which does not replace version {present.version}. "
            "The present one stays."
        )
    write_whole(ready.folder / HANDED, written)
    return order


def _came_after_one_not_seen(order: Order, present: Order) -> bool:
    """Versions were signed while the device was away: the last of them is obeyed, though the one before it was never here."""
    return (order.order, order.device.id) == (present.order, present.device.id) and order.version > present.version + 1


def _require_device(order: Order, device: Device) -> None:
    if order.device.id == device.id and order.device.key != device.public:
        raise ActRefused(
            f"The order {order.reference} names another key of this device: it was enrolled anew since. Ask the service for an "
            "order for this key. The agent does not start."
        )


def _context(settings: Settings, base: Path) -> ssl.SSLContext | None:
    if not settings.sending.certificate:
        return None
    try:
        return ssl.create_default_context(cafile=str(base / settings.sending.certificate))
    except (OSError, ssl.SSLError) as reason:
        raise ActRefused(
            f"The certificate {settings.sending.certificate} cannot be read: {reason}. The agent does not start."
        ) from None
