"""Text and addresses out of the accessibility tree, as programs tell of changes: AT-SPI over D-Bus, on X11 and Wayland alike.

Only changes are read, and what a change brought: never a key, never a whole desktop. A password field is known by its role, and
what once was one stays one. What cannot be asked in time, so that its role is not known, is put away.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from opencets.errors import Interrupted
from opencets.packing.fields import cleaned
from opencets_agent.collectors.contract import CHROMIUMS, Place, Seen
from opencets_agent.programs import arguments_of, program_of

Ref = tuple[str, str]
"""Bus name and object path: what an accessible is known by."""

_ACCESSIBLE, _TEXT, _DOCUMENT = (f"org.a11y.atspi.{name}" for name in ("Accessible", "Text", "Document"))
_ROOT = "/org/a11y/atspi/accessible/root"
_NONE = "/org/a11y/atspi/null"
_EVENTS = ("object:text-changed", "object:children-changed:add", "document:load-complete", "window:activate")
_RULES = (
    "type='signal',interface='org.a11y.atspi.Event.Object',member='TextChanged'",
    "type='signal',interface='org.a11y.atspi.Event.Object',member='ChildrenChanged',arg0='add'",
    "type='signal',interface='org.a11y.atspi.Event.Document',member='LoadComplete'",
    "type='signal',interface='org.a11y.atspi.Event.Window',member='Activate'",
)
PASSWORD, FRAME, DIALOG, WINDOW, APPLICATION, DOCUMENT_WEB = 40, 23, 16, 69, 75, 95
_TOPS = {FRAME, DIALOG, WINDOW, APPLICATION}
_EDITABLE, _FOCUSED = 1 << 7, 1 << 12
EMBEDDED = "\ufffc"
KEPT_CHARACTERS = 600
LONGEST_TYPED = 200
"""A longer piece that comes at once was not typed by hand: it was loaded or pasted, and is text that is shown."""
_DEEPEST = 60
_MOST_NODES = 300
_ANSWER_SECONDS = 1.0
_START_SECONDS = 10.0
_STALE_SECONDS = 2.0


@dataclass(slots=True)
class _Node:
    """What is known of an accessible."""

    role: int
    states: int
    parent: Ref | None
    at: float


@dataclass(slots=True)
class _Top:
    """Window and document in which an accessible stands."""

    frame: Ref | None = None
    document: Ref | None = None


@dataclass(slots=True)
class _Said:
    """The title of a window, or address and title of a page, and when they were asked."""

    window: str = ""
    address: str = ""
    title: str = ""
    at: float = 0.0


@dataclass(slots=True)
class _Buffer:
    """The end of what stands in a text, from the character ``begin`` on."""

    begin: int = 0
    text: str = ""

    def insert(self, place: int, text: str) -> tuple[str, int, int]:
        """Text after the insertion, and where in it the new piece lies."""
        if not self.begin <= place <= self.begin + len(self.text):
            self.begin, self.text = place, ""
        cut = place - self.begin
        self.text = self.text[:cut] + text + self.text[cut:]
        begin, end = cut, cut + len(text)
        given = self.text
        if (over := len(self.text) - max(KEPT_CHARACTERS, len(text))) > 0:
            over = min(over, begin)
            self.text, self.begin = self.text[over:], self.begin + over
        return given, begin, end

    def delete(self, place: int, length: int) -> None:
        """Follow what was taken out."""
        first, last = place - self.begin, place - self.begin + length
        if first < 0 or last > len(self.text):
            self.begin, self.text = 0, ""
        else:
            self.text = self.text[:first] + self.text[last:]


@dataclass(slots=True)
class _Known:
    """What is remembered of accessibles, the oldest forgotten first."""

    most: int
    rows: OrderedDict[Ref, Any] = field(default_factory=OrderedDict)

    def get(self, ref: Ref) -> Any:
        return self.rows.get(ref)

    def put(self, ref: Ref, value: Any) -> Any:
        self.rows[ref] = value
        self.rows.move_to_end(ref)
        while len(self.rows) > self.most:
            self.rows.popitem(last=False)
        return value


class Accessibility:
    """Hands on what is typed and shown, and which pages are opened."""

    def __init__(
        self, seen: Callable[[Seen], None], opened: Callable[[Place], None], allowed: Callable[[str, Place], bool]
    ) -> None:  # fmt: skip
        self._seen, self._opened, self._allowed = seen, opened, allowed
        self._bus: MessageBus | None = None
        self._events: asyncio.Queue[Message] = asyncio.Queue(5000)
        self._worker: asyncio.Task[None] | None = None
        self._processes: dict[str, tuple[int, str]] = {}
        self._nodes, self._tops, self._said, self._buffers = _Known(4000), _Known(4000), _Known(200), _Known(200)
        self._passwords = _Known(2000)
        self._told: OrderedDict[Ref, float] = OrderedDict()
        self._slow: dict[str, float] = {}
        self._later: list[tuple[float, Ref]] = []
        self.lost = 0
        """Events that came faster than they could be read."""
        self.processes: frozenset[int] = frozenset()
        """Those that have a tree, as of the last `look_round`."""

    async def start(self) -> None:
        """Interrupted: there is no accessibility bus to be had."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._connect()
        except Exception as reason:
            self.stop()
            raise Interrupted(f"There is no accessibility bus in this session: {reason!r}") from reason
        self._worker = asyncio.create_task(self._work())
        await self.look_round()

    async def _connect(self) -> None:
        session = None
        try:
            session = await MessageBus(bus_type=BusType.SESSION).connect()
            on = ["org.a11y.Status", "IsEnabled", Variant("b", True)]
            await _call(session, "org.a11y.Bus", "/org/a11y/bus", "org.freedesktop.DBus.Properties", "Set", "ssv", on)
            (address,) = await _call(session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress")
            self._bus = await MessageBus(bus_address=address).connect()
            self._bus.add_message_handler(self._take)
            registry = "org.a11y.atspi.Registry"
            for event in _EVENTS:
                await _call(
                    self._bus, registry, "/org/a11y/atspi/registry", registry, "RegisterEvent", "sass", [event, [], ""]
                )
            bus = "org.freedesktop.DBus"
            for rule in _RULES:
                await _call(self._bus, bus, "/org/freedesktop/DBus", bus, "AddMatch", "s", [rule])
        finally:
            if session is not None:
                session.disconnect()

    def stop(self) -> None:
        """End; what waited is forgotten."""
        if self._worker is not None:
            self._worker.cancel()
        if self._bus is not None:
            self._bus.disconnect()

    @property
    def is_alive(self) -> bool:
        """Whether it still hears of changes."""
        return self._bus is not None and self._bus.connected and self._worker is not None and not self._worker.done()

    def forget(self) -> None:
        """Put away what was kept of texts, when collecting stops."""
        self._buffers.rows.clear()
        while not self._events.empty():
            self._events.get_nowait()

    async def look_round(self) -> None:
        """Which processes have a tree. A browser that keeps its pages' text to itself has none."""
        found = set[int]()
        with contextlib.suppress(_Unanswered):
            (children,) = await self._ask(("org.a11y.atspi.Registry", _ROOT), _ACCESSIBLE, "GetChildren")
            for name, _ in children:
                process, program = await self._process(name)
                if has_text(program, process):
                    found.add(process)
        self.processes = frozenset(found)

    # --- Events -------------------------------------------------------------------------------------------------------

    def _take(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL or not (message.interface or "").startswith(
            "org.a11y.atspi.Event."
        ):
            return
        try:
            self._events.put_nowait(message)
        except asyncio.QueueFull:
            self.lost += 1

    async def _work(self) -> None:
        while True:
            try:
                until = self._later[0][0] - time.monotonic() if self._later else None
                message = await asyncio.wait_for(self._events.get(), max(until, 0) if until is not None else None)
            except TimeoutError:
                _, ref = self._later.pop(0)
                with contextlib.suppress(_Unanswered, ValueError, TypeError, IndexError, AttributeError):
                    await self._read_tree(ref)
                continue
            with contextlib.suppress(_Unanswered, ValueError, TypeError, IndexError, AttributeError):
                await self._hear(message)

    async def _hear(self, message: Message) -> None:
        ref = (message.sender or "", message.path or "")
        kind, first, second, value = message.body[0], message.body[1], message.body[2], message.body[3].value
        if message.member == "TextChanged":
            text = value if isinstance(value, str) else ""
            if kind.startswith("insert"):
                await self._text(ref, first, text)
            elif kind.startswith("delete") and (buffer := self._buffers.get(ref)) is not None:
                buffer.delete(first, second)
        elif message.member == "ChildrenChanged":
            child = (str(value[0]), str(value[1]))
            if child[0] == ref[0] and len(self._later) < _MOST_NODES:
                self._later.append((time.monotonic() + 0.06, child))
        elif message.member == "LoadComplete":
            self._tops.rows.clear()
            place = await self._place(ref, await self._top(ref), fresh=True)
            if place.address:
                self._opened(place)
            self._later.append((time.monotonic() + 0.2, ref))
        elif message.member == "Activate":
            top = _Top(frame=ref)
            await self._place(ref, top, fresh=True)

    async def _text(self, ref: Ref, place: int, text: str) -> None:
        plain = text.replace(EMBEDDED, "")
        if EMBEDDED not in text:
            self._told[ref] = time.monotonic()
            while len(self._told) > 500:
                self._told.popitem(last=False)
        if not plain.strip() and not self._buffers.get(ref):
            return
        node = await self._node(ref)
        if node.role == PASSWORD or self._passwords.get(ref):
            return
        where = await self._place(ref, await self._top(ref))
        typed = node.states & _EDITABLE and node.states & _FOCUSED and len(text) <= LONGEST_TYPED
        if not self._allowed("typed" if typed else "shown", where):
            self._buffers.rows.pop(ref, None)
            return
        if not node.states & _EDITABLE:
            self._seen(Seen("shown", where, plain, 0, len(plain)))
            return
        buffer = self._buffers.get(ref) or self._buffers.put(ref, _Buffer())
        whole, begin, end = buffer.insert(place, text)
        self._seen(Seen("typed" if typed else "shown", where, whole, begin, end))

    async def _read_tree(self, root: Ref) -> None:
        """The text of what was added, line by line, as far as it was not told in events of its own."""
        place = await self._place(root, await self._top(root))
        if not self._allowed("shown", place):
            return
        lines, waiting, count = list[str](), [root], 0
        now = time.monotonic()
        while waiting and count < _MOST_NODES:
            ref, count = waiting.pop(), count + 1
            if now - self._told.get(ref, 0) < 3:
                continue
            node = await self._node(ref)
            if node.role == PASSWORD or self._passwords.get(ref) or node.states & _EDITABLE:
                continue
            text = ""
            with contextlib.suppress(_Unanswered):
                (text,) = await self._ask(ref, _TEXT, "GetText", "ii", [0, 4000])
            if text.replace(EMBEDDED, "").strip():
                lines.append(text.replace(EMBEDDED, " "))
            if not text or EMBEDDED in text:
                with contextlib.suppress(_Unanswered):
                    (children,) = await self._ask(ref, _ACCESSIBLE, "GetChildren")
                    waiting += [(str(name), str(path)) for name, path in reversed(children[:100])]
        for line in lines:
            self._seen(Seen("shown", place, line, 0, len(line)))

    # --- What an accessible is, and where it stands -------------------------------------------------------------------

    async def _node(self, ref: Ref) -> _Node:
        """Role, states and parent; states and role of what may be typed into are asked anew after a while."""
        known: _Node | None = self._nodes.get(ref)
        now = time.monotonic()
        if known is not None and (now - known.at < _STALE_SECONDS or not known.states & _EDITABLE):
            return known
        role, states = await asyncio.gather(
            self._ask(ref, _ACCESSIBLE, "GetRole"), self._ask(ref, _ACCESSIBLE, "GetState")
        )
        if role[0] == PASSWORD:
            self._passwords.put(ref, True)
        low, high = (*states[0], 0, 0)[:2]
        parent = known.parent if known is not None else None
        node: _Node = self._nodes.put(ref, _Node(int(role[0]), int(low) | int(high) << 32, parent, now))
        return node

    async def _top(self, ref: Ref) -> _Top:
        """By its parents, up to the window; what was found for a parent is used."""
        way, here, found = list[Ref](), ref, _Top()
        for _ in range(_DEEPEST):
            if (known := self._tops.get(here)) is not None:
                found = known
                break
            way.append(here)
            node = await self._node(here)
            if node.role in _TOPS:
                found = _Top(frame=here)
                break
            if node.parent is None:
                (parent,) = await self._ask(
                    here, "org.freedesktop.DBus.Properties", "Get", "ss", [_ACCESSIBLE, "Parent"]
                )
                node.parent = (str(parent.value[0]), str(parent.value[1]))
            if node.parent[1] in (_NONE, ""):
                break
            here = node.parent
        for one in reversed(way):
            known_node = self._nodes.get(one)
            if known_node is not None and known_node.role == DOCUMENT_WEB:
                found = _Top(found.frame, one)
            self._tops.put(one, found)
        return found

    async def _place(self, ref: Ref, top: _Top, *, fresh: bool = False) -> Place:
        process, program = await self._process(ref[0])
        window = await self._title(top.frame, fresh=fresh) if top.frame else ""
        address = await self._address(top.document, fresh=fresh) if top.document else ""
        title = self._said.get(top.document).title if top.document else ""
        return Place(program, window, address, process, window.startswith(title))

    async def _title(self, frame: Ref, *, fresh: bool) -> str:
        said = self._said.get(frame) or self._said.put(frame, _Said())
        if fresh or time.monotonic() - said.at > _STALE_SECONDS:
            (name,) = await self._ask(frame, "org.freedesktop.DBus.Properties", "Get", "ss", [_ACCESSIBLE, "Name"])
            said.window, said.at = cleaned(str(name.value), 500), time.monotonic()
        return str(said.window)

    async def _address(self, document: Ref, *, fresh: bool) -> str:
        said = self._said.get(document) or self._said.put(document, _Said())
        if fresh or time.monotonic() - said.at > _STALE_SECONDS:
            (attributes,) = await self._ask(document, _DOCUMENT, "GetAttributes")
            address = next((attributes[name] for name in ("URI", "DocURL", "url") if attributes.get(name)), "")
            said.title = cleaned(attributes.get("Title", ""), 400)
            before, said.address, said.at = said.address, _without_secrets(cleaned(address, 2000)), time.monotonic()
            if before and said.address != before and not fresh:
                top = await self._top(document)
                self._opened(await self._place(document, top))
        return str(said.address)

    async def _process(self, name: str) -> tuple[int, str]:
        if name not in self._processes:
            bus = "org.freedesktop.DBus"
            ask = (name,)
            (process,) = await self._ask(
                (bus, "/org/freedesktop/DBus"), bus, "GetConnectionUnixProcessID", "s", list(ask)
            )
            if len(self._processes) > 500:
                self._processes.clear()
            self._processes[name] = int(process), program_of(int(process))
            if has_text(self._processes[name][1], int(process)):
                self.processes |= {int(process)}
        return self._processes[name]

    async def _ask(
        self, ref: Ref, interface: str, member: str, signature: str = "", body: list[Any] | None = None
    ) -> list[Any]:
        """The answer of a program, within a second; one that does not answer is let be for ten."""
        now = time.monotonic()
        if self._bus is None or self._slow.get(ref[0], 0) > now:
            raise _Unanswered
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await _call(self._bus, ref[0], ref[1], interface, member, signature, body or [])
        except TimeoutError:
            self._slow[ref[0]] = now + 10
            raise _Unanswered from None


def has_text(program: str, process: int) -> bool:
    """Whether a program that is in the tree puts its text there; Chromium does so only when it was started to."""
    return program not in CHROMIUMS or any("--force-renderer-accessibility" in word for word in arguments_of(process))


class _Unanswered(Exception):
    """The program is gone, busy, or does not know what was asked."""


async def _call(
    bus: MessageBus, to: str, path: str, interface: str, member: str, signature: str = "", body: list[Any] | None = None
) -> list[Any]:  # fmt: skip
    message = Message(
        destination=to, path=path, interface=interface, member=member, signature=signature, body=body or []
    )
    answer = await bus.call(message)
    if answer is None or answer.message_type is not MessageType.METHOD_RETURN:
        raise _Unanswered(answer.body[0] if answer is not None and answer.body else "no answer")
    return list(answer.body)


def _without_secrets(address: str) -> str:
    """An address without a name and password before its host."""
    scheme, mark, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"
