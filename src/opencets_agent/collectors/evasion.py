"""Signs that somebody goes round the order."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from opencets.packing.captures import Evasion
from opencets_agent.collectors.contract import Declaration, labels

DECLARATION = Declaration(
    name="evasion",
    label=labels("signs that this is circumvented", "les signes de contournement", "Zeichen einer Umgehung"),
    takes=(
        "Signs that the order is gone round: the agent stopped without a goodbye, the clock set, the network "
        "cut off, a virtual machine or a live system, a second screen session, programs that steer this "
        "computer from elsewhere, text that cannot be read."
    ),
    never="A sign is no proof and nobody is judged by one; each says what was seen and nothing else.",
    library="/proc, /sys, the agent's own clock and chain",
    systems="X11 and Wayland",
    windows="the same from WMI and the registry, by comtypes",
    macos="the same from sysctl and launchd, by ctypes",
)
VIRTUAL = ("qemu-system", "virtualboxvm", "virtualbox", "vmware-vmx", "gnome-boxes", "virt-manager")
REMOTE = (
    "anydesk",
    "teamviewer",
    "rustdesk",
    "x11vnc",
    "xrdp-sesman",
    "vncviewer",
    "remmina",
    "chrome-remote-desktop-host",
)
_HARDWARE = ("virtualbox", "vmware", "qemu", "kvm", "bochs", "hyper-v", "virtual machine", "parallels")


def of_machine(root: Path = Path("/")) -> list[Evasion]:
    """What the machine itself shows, once at the start."""
    signs = list[Evasion]()
    told = " ".join(_read(root / "sys/class/dmi/id" / name) for name in ("product_name", "sys_vendor")).casefold()
    if any(word in told for word in _HARDWARE):
        signs.append(Evasion("virtual machine", f"This system runs in a virtual machine ({told.strip()[:80]}).", 2))
    line = _read(root / "proc/cmdline")
    if any(word in line.split() for word in ("boot=live", "boot=casper", "rd.live.image", "toram")):
        signs.append(
            Evasion(
                "live system", "This system runs from a live medium; what is done on the disk's own is not seen.", 4
            )
        )
    return signs


def of_programs(programs: Collection[str]) -> list[Evasion]:
    """What programs show: machines inside this one, and this one steered from elsewhere."""
    signs = list[Evasion]()
    for name in sorted({one.casefold() for one in programs}):
        if name.startswith(VIRTUAL):
            signs.append(
                Evasion("virtual machine", f"{name} runs a machine inside this one; what is done there is not seen.", 4)
            )
        if name in REMOTE:
            signs.append(Evasion("remote", f"{name} runs: another computer, or this one from elsewhere, is used.", 3))
    return signs


def screens(display: str, root: Path = Path("/")) -> list[str]:
    """X displays other than the one watched."""
    own = f"X{display.rpartition(':')[2].partition('.')[0]}"
    folder = root / "tmp" / ".X11-unix"
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [name for name in found if name != own]


def has_network(root: Path = Path("/")) -> bool:
    """Whether there is any way out of this computer."""
    routes = _read(root / "proc/net/route").splitlines()[1:]
    routes6 = [line for line in _read(root / "proc/net/ipv6_route").splitlines() if line.startswith("0" * 32 + " 00 ")]
    return any(line.split()[1:2] == ["00000000"] for line in routes) or any(
        not line.endswith(" lo") for line in routes6
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
