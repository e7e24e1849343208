"""The notice: a bar that stands above every window for as long as anything is collected. No setting hides it.

It is a dock of the window manager (EWMH): always above, on every desktop, with its room kept free, never in front of what is typed
into. Whether it can be seen is asked again and again; where it was closed, covered or cannot be shown, collecting stops.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from Xlib import X, Xatom, Xutil, error
from Xlib.display import Display

from opencets.errors import Interrupted
from opencets.packing.order import Order
from opencets_agent.texts import bar_of, page_of, words_of

HEIGHT, EDGE, LINE = 66, 14, 20
BACK, FRONT, STOPPED = (255, 214, 10), (24, 24, 24), (255, 255, 255)
_REQUEST_BYTES = 200_000
"""Of a picture so much goes to the X server at once: a request has a limit of four times 65,535 bytes."""


class Notice:
    """The bar. ``is_visible`` is the one question that decides whether anything is collected."""

    def __init__(self, display: str, order: Order) -> None:
        self._order, self._paused, self._open, self._closed, self._covered = order, "", False, "", False
        self._raised_at = 0.0
        try:
            self._display = Display(display)
            self._screen = self._display.screen()
            self._wide = self._screen.width_in_pixels
            self._require_window_manager()
            self._make()
        except Interrupted:
            raise
        except Exception as reason:
            raise Interrupted(f"The notice cannot be shown on {display}: {reason}") from reason

    def fileno(self) -> int:
        """To wait on."""
        return int(self._display.fileno())

    def stop(self) -> None:
        """Take it away: collecting has stopped before."""
        try:
            self._window.destroy()
            self._display.close()
        except Exception:  # the X server may be gone, and the notice with it
            return

    def tell(self, order: Order, paused: str) -> None:
        """Show another order, or why nothing is recorded now."""
        if (order, paused) != (self._order, self._paused):
            self._order, self._paused = order, paused
            self._draw()

    @property
    def why_not(self) -> str:
        """In a sentence why the notice cannot be seen now; empty: it can."""
        if self._closed:
            return self._closed
        try:
            shown = self._window.get_attributes().map_state == X.IsViewable
            size, at = self._window.get_geometry(), self._screen.root.translate_coords(self._window, 0, 0)
        except Exception:
            self._closed = "the notice was closed"
            return self._closed
        if not shown:
            return "the notice is not shown"
        if at.x < 0 or at.y < 0 or at.x + size.width > self._wide or at.y + HEIGHT > self._screen.height_in_pixels:
            return "the notice was moved off the screen"
        if size.width < self._wide or size.height < HEIGHT:
            return "the notice was made smaller"
        return "the notice is covered" if self._covered else ""

    def read_events(self) -> None:
        """Whatever the server told meanwhile."""
        while self._display.pending_events():
            event = self._display.next_event()
            if event.type in (X.DestroyNotify, X.UnmapNotify) and event.window == self._window:
                self._closed = "the notice was closed"
            elif event.type == X.ClientMessage:
                if event.data[1][0] == self._delete:
                    self._closed = "the notice was closed"
            elif event.type == X.VisibilityNotify:
                self._covered = event.state == X.VisibilityFullyObscured
                if event.state != X.VisibilityUnobscured:
                    self._raise()
            elif event.type == X.Expose and event.count == 0:
                self._put()
            elif event.type == X.ButtonPress:
                self._open = not self._open
                self._draw()

    def _raise(self) -> None:
        """Above again, at most twice a second: two programs that both want it must not fight for ever."""
        if (now := time.monotonic()) - self._raised_at > 0.5:
            self._raised_at = now
            self._window.configure(stack_mode=X.Above)
            self._display.flush()

    def _require_window_manager(self) -> None:
        checked = self._display.intern_atom("_NET_SUPPORTING_WM_CHECK")
        if self._screen.root.get_full_property(checked, X.AnyPropertyType) is None:
            raise Interrupted("The notice cannot be shown: no window manager keeps it above other windows.")

    def _make(self) -> None:
        display, atom = self._display, self._display.intern_atom
        self._window = self._screen.root.create_window(
            0, 0, self._wide, HEIGHT, 0, self._screen.root_depth, X.InputOutput, X.CopyFromParent,
            background_pixel=self._screen.white_pixel,
            event_mask=X.ExposureMask | X.StructureNotifyMask | X.VisibilityChangeMask | X.ButtonPressMask,
        )  # fmt: skip
        self._delete = atom("WM_DELETE_WINDOW")
        window = self._window
        window.set_wm_name("OpenCETS notice")
        window.change_property(atom("_NET_WM_NAME"), atom("UTF8_STRING"), 8, b"OpenCETS notice")
        window.set_wm_class("opencets", "OpenCETS")
        window.set_wm_protocols([self._delete])
        window.set_wm_hints(flags=Xutil.InputHint, input=0)
        window.set_wm_normal_hints(flags=Xutil.PPosition | Xutil.PMinSize, min_width=self._wide, min_height=HEIGHT)
        window.change_property(atom("_NET_WM_WINDOW_TYPE"), Xatom.ATOM, 32, [atom("_NET_WM_WINDOW_TYPE_DOCK")])
        states = [atom("_NET_WM_STATE_ABOVE"), atom("_NET_WM_STATE_STICKY")]
        window.change_property(atom("_NET_WM_STATE"), Xatom.ATOM, 32, states)
        window.change_property(atom("_NET_WM_DESKTOP"), Xatom.CARDINAL, 32, [0xFFFFFFFF])
        window.change_property(atom("_NET_WM_STRUT"), Xatom.CARDINAL, 32, [0, 0, HEIGHT, 0])
        strut = [0, 0, HEIGHT, 0, 0, 0, 0, 0, 0, self._wide - 1, 0, 0]
        window.change_property(atom("_NET_WM_STRUT_PARTIAL"), Xatom.CARDINAL, 32, strut)
        self._brush = window.create_gc(foreground=self._screen.black_pixel, background=self._screen.white_pixel)
        self._picture = Image.new("RGB", (1, 1))
        self._draw()
        window.map()
        display.sync()

    def _draw(self) -> None:
        self._picture = picture_of(
            self._order, self._paused, self._wide, self._screen.height_in_pixels, whole=self._open
        )
        self._window.configure(height=self._picture.height)
        self._put()

    def _put(self) -> None:
        try:
            depth = self._screen.root_depth
            rows_at_once = max(_REQUEST_BYTES // (4 * self._picture.width), 1)
            for top in range(0, self._picture.height, rows_at_once):
                bottom = min(top + rows_at_once, self._picture.height)
                band = self._picture.crop((0, top, self._picture.width, bottom))
                rows = band.convert("RGB").tobytes("raw", "BGRX")
                self._window.put_image(self._brush, 0, top, band.width, band.height, X.ZPixmap, depth, 0, rows)
            self._display.flush()
        except error.XError:
            self._closed = "the notice was closed"


def picture_of(order: Order, paused: str, wide: int, high: int, *, whole: bool) -> Image.Image:
    """The bar, or the bar and beneath it all that is recorded, as a picture."""
    back = STOPPED if paused else BACK
    bold, plain, small = _font(15, bold=True), _font(13), _font(13)
    first, second, third = bar_of(order, paused)
    words = words_of(order)
    lines = list[str]()
    if whole:
        probe = ImageDraw.Draw(Image.new("RGB", (1, 1)))
        for line in page_of(order).splitlines():
            lines += _wrapped(line, lambda text: probe.textlength(text, small), wide - 2 * EDGE)
        lines = lines[: max((high - HEIGHT) // LINE - 2, 1)]
    height = HEIGHT + (LINE * (len(lines) + 1) if whole else 0)
    picture = Image.new("RGB", (wide, height), back)
    draw = ImageDraw.Draw(picture)
    hint = words["close" if whole else "click"]
    room = wide - 3 * EDGE - draw.textlength(hint, plain)
    draw.text((EDGE, 4), _fitting(first, lambda text: draw.textlength(text, bold), room), FRONT, bold)
    for top, line in ((25, second), (43, third)):
        draw.text((EDGE, top), _fitting(line, lambda text: draw.textlength(text, plain), wide - 2 * EDGE), FRONT, plain)
    at = wide - EDGE - draw.textlength(hint, plain)
    draw.text((at, 5), hint, FRONT, plain)
    draw.line((at, 21, wide - EDGE, 21), FRONT)
    draw.line((0, HEIGHT - 1, wide, HEIGHT - 1), FRONT)
    if whole:
        draw.rectangle((0, HEIGHT, wide, height), (255, 255, 255))
        draw.line((0, height - 1, wide, height - 1), FRONT)
        for number, line in enumerate(lines):
            draw.text((EDGE, HEIGHT + 10 + LINE * number), line, FRONT, _font(13, bold=True) if number == 0 else small)
    return picture


def _wrapped(line: str, length: Callable[[str], float], room: float) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    lines, here = list[str](), ""
    for word in line.split():
        longer = f"{here} {word}" if here else f"{indent}{word}"
        if here and length(longer) > room:
            lines.append(here)
            longer = f"{indent}{word}"
        here = longer
    return [*lines, here]


def _fitting(text: str, length: Callable[[str], float], room: float) -> str:
    """The text, cut with dots where it has no room."""
    if length(text) <= room:
        return text
    while text and length(f"{text} …") > room:
        text = text.rpartition(" ")[0] or text[:-1]
    return f"{text} …"


_FONTS: dict[tuple[int, bool], Any] = {}


def _font(size: int, *, bold: bool = False) -> Any:
    """The system's own sans serif, which knows the scripts of the place; without fontconfig Pillow's."""
    if (size, bold) not in _FONTS:
        path = ""
        if shutil.which("fc-match"):
            asked = ["fc-match", "-f", "%{file}", f"sans:weight={'bold' if bold else 'regular'}"]
            path = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False).stdout
        try:
            _FONTS[size, bold] = ImageFont.truetype(path, size)
        except OSError:
            _FONTS[size, bold] = ImageFont.load_default(size)
    return _FONTS[size, bold]
