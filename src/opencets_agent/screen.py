"""The X server: which window is in front, pictures of windows, the clipboard. On Wayland only what runs under XWayland."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import mss
from PIL import Image, ImageDraw
from Xlib import X, Xatom, error
from Xlib.display import Display
from Xlib.ext import xfixes

from opencets.errors import Interrupted
from opencets.packing.fields import cleaned
from opencets_agent.collectors.contract import Place
from opencets_agent.programs import program_of

Box = tuple[int, int, int, int]
"""Left, top, width, height."""
LARGEST_CLIPBOARD = 100_000
JPEG_QUALITY = 80
LARGEST_SIDE = 2560


@dataclass(frozen=True, slots=True)
class Front:
    """The window in front."""

    window: int
    place: Place


class Screen:
    """One connection to the X server. ``fronted`` is told of windows that come to the front, ``copied`` of text."""

    def __init__(self, display: str, fronted: Callable[[Front], None], copied: Callable[[str], None] | None) -> None:
        try:
            self._display = Display(display)
        except Exception as reason:
            raise Interrupted(f"The X server {display} cannot be reached: {reason}") from reason
        self._fronted, self._copied = fronted, copied
        self._root = self._display.screen().root
        self._atoms = {
            name: self._display.intern_atom(name)
            for name in (
                "_NET_ACTIVE_WINDOW", "_NET_WM_NAME", "_NET_WM_PID", "_NET_CLIENT_LIST_STACKING", "UTF8_STRING", "CLIPBOARD",
                "TARGETS",
                "x-kde-passwordManagerHint", "OPENCETS_COPIED", "INCR",
            )
        }  # fmt: skip
        self._root.change_attributes(event_mask=X.PropertyChangeMask)
        self._pictures = mss.mss(display=display)
        self._active, self._front = 0, Front(0, Place(""))
        self._owner: Any = None
        if copied is not None:
            self._listen_to_clipboard()
        self._display.flush()

    def fileno(self) -> int:
        """To wait on."""
        return int(self._display.fileno())

    def stop(self) -> None:
        """End."""
        self._pictures.close()
        with contextlib.suppress(Exception):
            self._display.close()

    def front(self) -> Front:
        """The window in front, asked anew."""
        window = self._number(self._root, "_NET_ACTIVE_WINDOW")
        if window != self._active and window:
            self._active = window
            with contextlib.suppress(error.XError):
                self._display.create_resource_object("window", window).change_attributes(
                    event_mask=X.PropertyChangeMask
                )
        self._front = Front(window, self.place_of(window)) if window else Front(0, Place(""))
        return self._front

    def place_of(self, window: int) -> Place:
        """Program and title of a window."""
        try:
            target = self._display.create_resource_object("window", window)
            title = target.get_full_property(self._atoms["_NET_WM_NAME"], 0)
            title = title or target.get_full_property(Xatom.WM_NAME, 0)
            text = title.value if title is not None else ""
            text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
            process = self._number(target, "_NET_WM_PID")
        except error.XError:
            return Place("")
        return Place(program_of(process) if process else "", cleaned(text, 500), "", process)

    def windows(self) -> list[tuple[int, Place]]:
        """Windows of programs, from the lowest to the highest."""
        try:
            told = self._root.get_full_property(self._atoms["_NET_CLIENT_LIST_STACKING"], X.AnyPropertyType)
        except error.XError:
            return []
        return [(int(window), self.place_of(int(window))) for window in (told.value if told is not None else ())]

    def box_of(self, window: int) -> Box | None:
        """Where a window lies on the screen, its frame left out; None: it is gone or not shown."""
        try:
            target = self._display.create_resource_object("window", window)
            if target.get_attributes().map_state != X.IsViewable:
                return None
            size = target.get_geometry()
            at = self._root.translate_coords(window, 0, 0)
        except error.XError:
            return None
        screen = self._display.screen()
        left, top = max(at.x, 0), max(at.y, 0)
        right = min(at.x + size.width, screen.width_in_pixels)
        bottom = min(at.y + size.height, screen.height_in_pixels)
        return (left, top, right - left, bottom - top) if right > left and bottom > top else None

    def picture(self, box: Box | None = None) -> Image.Image:
        """What is shown there, or on the whole screen."""
        screen = self._display.screen()
        left, top, width, height = box or (0, 0, screen.width_in_pixels, screen.height_in_pixels)
        grabbed = self._pictures.grab({"left": left, "top": top, "width": width, "height": height})
        return Image.frombytes("RGB", grabbed.size, grabbed.bgra, "raw", "BGRX")

    def picture_of(self, window: int, box: Box) -> Image.Image:
        """What a window shows; what lies over it belongs to others and is black."""
        picture, above = self.picture(box), False
        draw = ImageDraw.Draw(picture)
        for other, _ in self.windows():
            if above and other != window and (lies := self.box_of(other)) is not None:
                left, top = lies[0] - box[0], lies[1] - box[1]
                draw.rectangle((left, top, left + lies[2] - 1, top + lies[3] - 1), fill="black")
            above = above or other == window
        return picture

    def screenshot(
        self, window: int, form: Literal["window", "masked", "screen"], hidden: Callable[[Place], bool]
    ) -> tuple[bytes, int, int] | None:
        """A JPEG of a hit's window as the condition allows; None: the window is not there to be shown.

        What lies over the window belongs to others and is black; so is, on a whole screen, every window that ``hidden`` names.
        """
        box = self.box_of(window)
        if box is None:
            return None
        if form == "screen":
            whole = self.picture()
            draw = ImageDraw.Draw(whole)
            for other, place in self.windows():
                if other != window and hidden(place) and (lies := self.box_of(other)) is not None:
                    draw.rectangle((lies[0], lies[1], lies[0] + lies[2] - 1, lies[1] + lies[3] - 1), fill="black")
        else:
            whole = self.picture_of(window, box)
            if form == "masked":
                screen = self._display.screen()
                bare = Image.new("RGB", (screen.width_in_pixels, screen.height_in_pixels))
                bare.paste(whole, box[:2])
                whole = bare
        whole.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        written = BytesIO()
        whole.save(written, "JPEG", quality=JPEG_QUALITY)
        return written.getvalue(), whole.width, whole.height

    def read_events(self) -> None:
        """Whatever the server told meanwhile."""
        while self._display.pending_events():
            event = self._display.next_event()
            with contextlib.suppress(error.XError, AttributeError, TypeError, ValueError):
                self._hear(event)

    def _hear(self, event: Any) -> None:
        if event.type == X.PropertyNotify:
            if event.atom in (self._atoms["_NET_ACTIVE_WINDOW"], self._atoms["_NET_WM_NAME"], Xatom.WM_NAME):
                before = self._front
                if self.front() != before and self._front.window:
                    self._fronted(self._front)
        elif event.type == X.SelectionNotify:
            self._clipboard_answered(event)
        elif self._owner is not None and getattr(event, "selection", None) == self._atoms["CLIPBOARD"]:
            if event.type == X.SelectionClear or not getattr(event, "owner", 0):
                return
            self._owner.convert_selection(
                self._atoms["CLIPBOARD"], self._atoms["TARGETS"], self._atoms["OPENCETS_COPIED"], X.CurrentTime
            )
            self._display.flush()

    def _listen_to_clipboard(self) -> None:
        if not self._display.has_extension("XFIXES"):
            return
        self._display.xfixes_query_version()
        self._owner = self._root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        self._display.xfixes_select_selection_input(
            self._owner, self._atoms["CLIPBOARD"], xfixes.XFixesSetSelectionOwnerNotifyMask
        )

    def _clipboard_answered(self, event: Any) -> None:
        """First what kinds there are; then, where it is text and nobody's secret, the text."""
        if event.property == X.NONE or self._copied is None:
            return
        told = self._owner.get_full_property(event.property, X.AnyPropertyType, sizehint=LARGEST_CLIPBOARD)
        self._owner.delete_property(event.property)
        if told is None or told.property_type == self._atoms["INCR"]:
            return
        if event.target == self._atoms["TARGETS"]:
            kinds = set(told.value)
            if self._atoms["UTF8_STRING"] in kinds and self._atoms["x-kde-passwordManagerHint"] not in kinds:
                self._owner.convert_selection(
                    self._atoms["CLIPBOARD"], self._atoms["UTF8_STRING"], self._atoms["OPENCETS_COPIED"], X.CurrentTime
                )
                self._display.flush()
        elif event.target == self._atoms["UTF8_STRING"]:
            text = told.value if isinstance(told.value, bytes) else bytes(told.value)
            self._copied(cleaned(text.decode("utf-8", "replace"), LARGEST_CLIPBOARD))

    def _number(self, window: Any, name: str) -> int:
        told = window.get_full_property(self._atoms[name], X.AnyPropertyType)
        return int(told.value[0]) if told is not None and len(told.value) else 0
