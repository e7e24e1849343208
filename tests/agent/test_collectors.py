"""Each collector reads its one thing: drives out of the kernel's table, new files by their hashes, typed text where it stands."""

from __future__ import annotations

import getpass
import hashlib
import time
from pathlib import Path

from opencets.packing.captures import Account
from opencets.packing.known import KEY_BYTES, KnownFiles, for_device, read_list
from opencets_agent.accessibility import KEPT_CHARACTERS, _Buffer, _without_secrets
from opencets_agent.collectors import account, drive, evasion
from opencets_agent.collectors.file import Found, NewFiles
from tests.agent.desktop import until

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
36 22 8:17 / /media/rowan/A\\040STICK rw,nosuid shared:9 - vfat /dev/sdb1 rw,uid=1000
37 22 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
38 22 0:55 / /mnt/share rw - cifs //server.example/share rw
broken line
"""


def test_drives_that_were_plugged_in_are_told_from_the_systems_own() -> None:
    found = drive.mounted(MOUNTS)
    assert sorted(found) == ["/media/rowan/A STICK", "/mnt/share"]
    assert found["/media/rowan/A STICK"].device == "/dev/sdb1"
    (gone,) = drive.changes(found, {name: one for name, one in found.items() if "STICK" not in name})
    assert (gone.act, gone.mounted_at) == ("removed", "/media/rowan/A STICK")


def test_only_new_files_of_the_list_are_told(tmp_path: Path) -> None:
    (tmp_path / "before.bin").write_bytes(b"known")
    found = list[Found]()
    known = known_files(b"known")
    watcher = NewFiles(known, [getpass.getuser()], found.append)
    watcher.watch([tmp_path, tmp_path / "not there"])
    try:
        time.sleep(0.2)
        (tmp_path / "other.bin").write_bytes(b"unknown")
        (tmp_path / "empty.bin").write_bytes(b"")
        (tmp_path / "link.bin").symlink_to(tmp_path / "before.bin")
        (tmp_path / "new.part").write_bytes(b"known")
        (tmp_path / "new.part").rename(tmp_path / "new.bin")
        until(lambda: [one for one in found if one.name == "new.bin"], 5)
    finally:
        watcher.stop()
    assert {one.name for one in found} <= {"new.part", "new.bin"}
    assert found[-1].size == 5


def known_files(content: bytes) -> KnownFiles:
    given = for_device(read_list(hashlib.sha256(content).hexdigest().encode()), bytes(KEY_BYTES))
    return KnownFiles(given, hashlib.sha256(given).hexdigest())


def test_files_that_came_before_the_list_are_compared_when_it_is_there(tmp_path: Path) -> None:
    found = list[Found]()
    watcher = NewFiles(None, [getpass.getuser()], found.append)
    watcher.watch([tmp_path])
    try:
        time.sleep(0.2)
        (tmp_path / "new.bin").write_bytes(b"known")
        (tmp_path / "other.bin").write_bytes(b"unknown")
        until(lambda: len(watcher._waiting) == 2, 5)
        assert found == []
        watcher.compare(known_files(b"known"))
        assert [one.name for one in found] == ["new.bin"]
        assert not watcher._waiting
        (tmp_path / "later.bin").write_bytes(b"known")
        until(lambda: len(found) == 2, 5)
    finally:
        watcher.stop()


def test_accounts_that_come_and_go_are_told() -> None:
    assert account.changes({"a"}, {"b"}, "added", "removed") == [Account("added", "b"), Account("removed", "a")]


def test_typed_text_is_followed_where_it_stands() -> None:
    buffer = _Buffer()
    for place, letter in enumerate("blue kiosk"):
        whole, begin, end = buffer.insert(place, letter)
    assert (whole, begin, end) == ("blue kiosk", 9, 10)
    buffer.delete(0, 4)
    assert buffer.insert(0, "green")[0] == "green kiosk"
    assert buffer.insert(500, "far away") == ("far away", 0, 8)
    buffer.delete(900, 5)
    assert buffer.text == ""
    whole, begin, end = buffer.insert(0, "x" * 5000)
    assert (len(whole), end - begin) == (5000, 5000)
    buffer.insert(5000, "y")
    assert len(buffer.text) <= 5001
    long = _Buffer()
    for place in range(3 * KEPT_CHARACTERS):
        long.insert(place, "z")
    assert len(long.text) == KEPT_CHARACTERS


def test_a_name_and_password_in_an_address_are_left_out() -> None:
    assert _without_secrets("https://rowan:secret@shop.example/a@b") == "https://shop.example/a@b"


def test_signs_of_a_machine_are_read_from_what_it_says_of_itself(tmp_path: Path) -> None:
    assert evasion.of_machine(tmp_path) == []
    (tmp_path / "sys/class/dmi/id").mkdir(parents=True)
    (tmp_path / "sys/class/dmi/id/product_name").write_text("VirtualBox\n")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text("quiet boot=live\n")
    assert [sign.sign for sign in evasion.of_machine(tmp_path)] == ["virtual machine", "live system"]
    assert {sign.sign for sign in evasion.of_programs(["qemu-system-x86_64", "anydesk", "xterm"])} == {
        "virtual machine",
        "remote",
    }
    assert evasion.screens(":1", tmp_path) == []
    assert evasion.has_network(tmp_path) is False
