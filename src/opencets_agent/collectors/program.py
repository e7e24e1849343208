"""Programs."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

import psutil

from opencets_agent.collectors.contract import Declaration, labels
from opencets_agent.programs import program_of, user_of

DECLARATION = Declaration(
    name="program",
    label=labels("programs that are started", "les programmes lancés", "gestartete Programme"),
    takes="That a program of a watched account was started or ended, by the name of its file.",
    never=("No arguments, no open files, nothing of other accounts or of the system. Excluded programs leave nothing."),
    library="/proc, every five seconds; details of new processes only (psutil)",
    systems="every desktop; a program that lives less than five seconds can be missed",
    windows="WMI Win32_ProcessStartTrace, by comtypes",
    macos="NSWorkspace notifications, by PyObjC",
)


def running(before: Mapping[int, str], accounts: Collection[str]) -> dict[int, str]:
    """Programs of these accounts by process; what was known before is not asked again."""
    own = os.getpid()
    found = dict[int, str]()
    for process in psutil.pids():
        if process in before:
            found[process] = before[process]
        elif process != own and user_of(process) in accounts and (name := program_of(process)):
            found[process] = name
    return found
