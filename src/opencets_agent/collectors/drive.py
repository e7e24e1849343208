"""Removable drives."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from opencets.packing.captures import Drive
from opencets.packing.fields import cleaned
from opencets_agent.collectors.contract import Declaration, labels

DECLARATION = Declaration(
    name="drive",
    label=labels("drives that are plugged in", "les supports branchés", "angesteckte Laufwerke"),
    takes="That a drive was mounted or removed: its device, file system, size and folder.",
    never="No file on it is listed or read by this collector.",
    library="/proc/self/mountinfo, which the kernel shows anew at each change",
    systems="every desktop",
    windows="WM_DEVICECHANGE and GetDriveType, by ctypes",
    macos="DiskArbitration, by PyObjC",
)
_MOUNTS = Path("/proc/self/mountinfo")
_ON_DISK = re.compile(r"/dev/(?!loop|zram|ram)|[^/]+:|//")
_NOT_PLUGGED = re.compile(r"/(?:boot|proc|sys|dev|snap|etc|usr|var/lib|run(?!/media))(?:/|$)|/$")


def mounted(text: str | None = None) -> Mapping[str, Drive]:
    """What is mounted that could be carried away or lies elsewhere, by folder."""
    told = _MOUNTS.read_text(errors="replace") if text is None else text
    return {drive.mounted_at: drive for drive in _drives(told)}


def _drives(told: str) -> Iterator[Drive]:
    for line in told.splitlines():
        words = line.split(" ")
        if "-" not in words[6:] or len(words) < 10:
            continue
        folder, rest = _plain(words[4]), words[words.index("-", 6) + 1 :]
        filesystem, device = rest[0], _plain(rest[1])
        if (_ON_DISK.match(device) and not _NOT_PLUGGED.match(folder)) or (
            filesystem.startswith("fuse.") and "mtp" in device
        ):
            yield Drive("present", cleaned(device, 200), cleaned(folder, 1000), cleaned(filesystem, 40), _size(folder))


def changes(before: Mapping[str, Drive], now: Mapping[str, Drive]) -> list[Drive]:
    """What came and what went."""
    came = [_as(drive, "added") for folder, drive in now.items() if folder not in before]
    return came + [_as(drive, "removed") for folder, drive in before.items() if folder not in now]


def _as(drive: Drive, act: str) -> Drive:
    return Drive(act, drive.device, drive.mounted_at, drive.filesystem, drive.size)  # type: ignore[arg-type]


def _plain(word: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), word)


def _size(folder: str) -> int | None:
    try:
        told = os.statvfs(folder)
    except OSError:
        return None
    return told.f_blocks * told.f_frsize
