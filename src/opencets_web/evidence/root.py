"""The root key of this machine: what wraps the keys of the agencies. A file, or a program that asks a token or a key service.

``OPENCETS_ROOT_KEY`` is ``file`` (the default: 32 bytes in the home's secrets) or ``program:/path``. The program is called with
``wrap`` or ``unwrap``, reads Base64 on its input and writes Base64 on its output: a few lines over PKCS#11 or a key service.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

from opencets.errors import ActRefused, DamagedSource, Interrupted
from opencets.packing.frames import unwrap_key, wrap_key
from opencets.packing.keys import Keys

NEXT = "master-key.next"
SECONDS = 30


@dataclass(frozen=True, slots=True)
class FileRoot:
    """32 bytes in a file of mode 0600, made at first use; while it is exchanged the next one stands beside it."""

    folder: Path

    @property
    def path(self) -> Path:
        """Where the key is kept."""
        return self.folder / "master-key"

    def key(self) -> bytes:
        """The 32 bytes."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            make_private(self.path, secrets.token_bytes(32))
            return self.path.read_bytes()

    def wrap(self, key: bytes) -> bytes:
        """``key`` wrapped by AES key wrap (RFC 3394)."""
        return wrap_key(self.key(), key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key inside. DamagedSource: changed, or another root key made it."""
        try:
            return unwrap_key(self.key(), wrapped)
        except DamagedSource:
            coming = self.folder / NEXT
            if not coming.exists():
                raise
            return unwrap_key(coming.read_bytes(), wrapped)

    def begin_exchange(self) -> bytes:
        """The 32 bytes that come next; they are kept, so that an exchange that was stopped goes on with the same ones."""
        coming = self.folder / NEXT
        if not coming.exists():
            make_private(coming, secrets.token_bytes(32))
        return coming.read_bytes()

    def end_exchange(self) -> None:
        """What came next is the root key from now on; everything is wrapped by it."""
        (self.folder / NEXT).replace(self.path)


@dataclass(frozen=True, slots=True)
class ProgramRoot:
    """A program of the administrator's that wraps and unwraps; the root key itself never comes here."""

    program: str

    def wrap(self, key: bytes) -> bytes:
        """What the program made of ``key``. Interrupted: it failed."""
        return self._ask("wrap", key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key inside, as the program gives it. Interrupted: it failed."""
        key = self._ask("unwrap", wrapped)
        if len(key) != 32:
            raise DamagedSource(f"{self.program} gave {len(key)} bytes for a key of 32: ask who keeps the root key.")
        return key

    def _ask(self, act: str, octets: bytes) -> bytes:
        try:
            answer = subprocess.run(
                [self.program, act], input=b64encode(octets), capture_output=True, timeout=SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Interrupted(f"{self.program} (OPENCETS_ROOT_KEY) could not {act} a key: {error}.") from error
        if answer.returncode:
            said = answer.stderr.decode("utf-8", "replace").strip()[-300:]
            raise Interrupted(f"{self.program} (OPENCETS_ROOT_KEY) refused to {act} a key: {said}")
        return b64decode(answer.stdout)


def root_key(home: Path) -> Keys:
    """The root key that ``OPENCETS_ROOT_KEY`` names. ActRefused: it names none."""
    named = os.environ.get("OPENCETS_ROOT_KEY", "file")
    if named == "file":
        return FileRoot(home / "secrets")
    kind, _, program = named.partition(":")
    if kind == "program" and program:
        return ProgramRoot(program)
    raise ActRefused(
        f"OPENCETS_ROOT_KEY is {named!r}; it may be file, or program:/path of a program that wraps and unwraps."
    )


def make_private(path: Path, octets: bytes) -> None:
    """Keep bytes in a new file of mode 0600, whole or not at all; where another process was first, its bytes stay."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(octets)
        stream.flush()
        os.fsync(stream.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(staged, path)
    staged.unlink()
