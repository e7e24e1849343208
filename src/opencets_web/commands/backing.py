"""A place of backups: what a backup is made of on a medium, without the database.

::

    PLACE/blobs/ab/cd/<id>             sealed blobs, each copied once; they are written once and never change
    PLACE/backups/<UTC instant>/       one backup: it appears whole or not at all
        manifest.json                  what belongs to it, with sizes and SHA-256; counts; the root of the log
        manifest.signature             Ed25519 over the manifest, by the node's key
        blobs.tsv                      one blob a line: identifier, size, SHA-256 of the sealed bytes
        database.age                   pg_dump's custom form, sealed to the backup key
        secrets.age                    the files of the home's secrets folder as JSON, sealed to the backup key

Sealed is the age format, version 1, to an X25519 recipient: the ``age`` program opens it too.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyrage
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from opencets.errors import ActRefused, DamagedSource, Interrupted

FORMAT = "opencets-backup-1"
PART = 1 << 20
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}Z")
_BLOB = re.compile(r"[0-9a-f]{32}")
Step = Callable[[int], object]


class SealedBlob(NamedTuple):
    """One blob as it lies in a store: its sealed bytes, not what they hold."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup of a place, as its manifest describes it."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """The UTC instant at which it was made: what it is called by."""
        return self.folder.name

    def blobs(self) -> Iterator[SealedBlob]:
        """The blobs that belong to it, in the order of their names."""
        with (self.folder / "blobs.tsv").open(encoding="ascii") as lines:
            for number, line in enumerate(lines, 1):
                parts = line.rstrip("\n").split("\t")
                if len(parts) != 3 or not _BLOB.fullmatch(parts[0]) or not parts[1].isdigit():
                    raise DamagedSource(f"{self.folder / 'blobs.tsv'}: line {number} names no blob.")
                yield SealedBlob(parts[0], int(parts[1]), parts[2])


class Place:
    """A folder that backups are kept in, on a medium of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._backups = folder / "backups"

    def whole(self) -> list[Backup]:
        """The whole backups, oldest first. DamagedSource: a manifest cannot be read."""
        found = sorted(path for path in self._backups.glob("*") if _STAMP.fullmatch(path.name))
        return [Backup(path, _read_manifest(path)) for path in found]

    def get(self, name: str = "") -> Backup:
        """The backup of that name, else the newest. ActRefused: there is none."""
        found = [backup for backup in self.whole() if not name or backup.name == name]
        if not found:
            what = f"no backup {name}" if name else "no backup"
            raise ActRefused(
                f"There is {what} in {self.folder}: opencets backup list {self.folder} shows what is there."
            )
        return found[-1]

    def blob_path(self, name: str) -> Path:
        """Where the sealed blob of that name lies."""
        return self.folder / "blobs" / blob_place(name)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the place; ActRefused while another program holds it."""
        self._backups.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise ActRefused(f"Another backup is being made or removed in {self.folder}: wait for its end.") from None
        finally:
            os.close(number)

    @contextlib.contextmanager
    def staged(self, name: str) -> Iterator[Path]:
        """A folder to write a backup into; it gets its name at the end, and is gone where writing failed."""
        for left in self._backups.glob(".*.part"):
            shutil.rmtree(left)
        if (self._backups / name).exists():
            raise ActRefused(f"A backup of this second is there already ({name}): try again.")
        folder = self._backups / f".{name}.part"
        folder.mkdir(mode=0o700)
        try:
            yield folder
            for path in [*folder.iterdir(), folder]:
                _flush(path)
            folder.rename(self._backups / name)
            _flush(self._backups)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def known(self) -> dict[str, SealedBlob]:
        """Every blob that a whole backup names: those need no second reading, since blobs never change."""
        return {blob.name: blob for backup in self.whole() for blob in backup.blobs()}

    def prune(self, keep: int) -> tuple[list[str], int]:
        """Remove all but the newest ``keep`` backups and the blobs that none of these names; (names, blobs removed)."""
        whole = self.whole()
        gone = whole[: max(0, len(whole) - keep)]
        for backup in gone:
            hidden = backup.folder.with_name(f".{backup.name}.part")
            backup.folder.rename(hidden)
            shutil.rmtree(hidden)
        named = self.known()
        blobs = [path for path in (self.folder / "blobs").glob("??/??/*") if path.name not in named]
        for path in blobs:
            path.unlink()
        return [backup.name for backup in gone], len(blobs)


def blob_place(name: str) -> str:
    """Where a blob lies below ``blobs``, in the home and in a place of backups alike."""
    return f"{name[:2]}/{name[2:4]}/{name}"


def copy_blob(source: Path, target: Path) -> SealedBlob:
    """Copy sealed bytes so that ``target`` appears whole or not at all. Interrupted: a disk refused, or it is gone."""
    digest, size = sha256(), 0
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}.part")
    try:
        with source.open("rb") as old, staged.open("wb") as new:
            while part := old.read(PART):
                digest.update(part)
                size += len(part)
                new.write(part)
            new.flush()
            os.fsync(new.fileno())
        staged.chmod(0o600)
        staged.rename(target)
    except OSError as error:
        raise Interrupted(f"{source.name} could not be copied to {target.parent}: {error.strerror}.") from error
    finally:
        staged.unlink(missing_ok=True)
    return SealedBlob(target.name, size, digest.hexdigest())


def digest_of(path: Path, step: Step | None = None) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    digest, size = sha256(), 0
    with path.open("rb") as stream:
        while part := stream.read(PART):
            digest.update(part)
            size += len(part)
            if step is not None:
                step(len(part))
    return size, digest.hexdigest()


def differences(place: Place, backup: Backup, step: Step | None = None) -> Iterator[str]:
    """One sentence for each part of a backup that is missing or not as it was written; nothing where all is whole."""
    yield from _unsigned(backup)
    for name in ("database.age", "secrets.age", "blobs.tsv"):
        path = backup.folder / name
        wanted = backup.manifest["files"].get(name, {})
        if not path.exists():
            yield f"{path} is missing."
        elif digest_of(path, step) != (wanted.get("size"), wanted.get("sha256")):
            yield f"{path} is not as it was written: size or SHA-256 differs from the manifest."
    if not (backup.folder / "blobs.tsv").exists():
        return
    for blob in backup.blobs():
        path = place.blob_path(blob.name)
        if not path.exists():
            yield f"Blob {blob.name} is missing in {place.folder / 'blobs'}."
        elif digest_of(path, step) != (blob.size, blob.sha256):
            yield f"Blob {blob.name} is not as it was written: size or SHA-256 differs."


def _unsigned(backup: Backup) -> Iterator[str]:
    """What is wrong with the signature over the manifest."""
    try:
        signature = b64decode((backup.folder / "manifest.signature").read_bytes())
        key = Ed25519PublicKey.from_public_bytes(b64decode(backup.manifest["signed_by"]))
        key.verify(signature, (backup.folder / "manifest.json").read_bytes())
    except FileNotFoundError:
        yield f"{backup.folder / 'manifest.signature'} is missing."
    except (InvalidSignature, KeyError, ValueError):
        yield f"{backup.folder / 'manifest.json'} is not as it was written: the signature does not fit."


def write_manifest(folder: Path, key: Ed25519PrivateKey, manifest: dict[str, Any]) -> None:
    """Write the manifest over the files that stand in ``folder``, and sign it."""
    files = {}
    for path in sorted(folder.iterdir()):
        size, digest = digest_of(path)
        files[path.name] = {"size": size, "sha256": digest}
    public = b64encode(key.public_key().public_bytes_raw()).decode()
    whole = {"format": FORMAT, **manifest, "files": files, "signed_by": public}
    text = json.dumps(whole, indent=1, sort_keys=True).encode()
    (folder / "manifest.json").write_bytes(text)
    (folder / "manifest.signature").write_bytes(b64encode(key.sign(text)))


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        if manifest["format"] != FORMAT:
            raise DamagedSource(f"{folder} is of the format {manifest['format']}; this version reads {FORMAT}.")
        return dict(manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedSource(f"{folder / 'manifest.json'} cannot be read as a manifest of a backup: {error}") from error


# --- the backup key ---


def make_key() -> tuple[str, str]:
    """A new backup key: what opens (to be kept away from the machine), and what seals."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def recipient(text: str) -> Any:
    """What seals, from its text. ActRefused: it is none."""
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        raise ActRefused("A backup is sealed to an age recipient: age1 and 58 letters and digits.") from None


def read_identity(file: Path) -> Any:
    """What opens, from the file that ``backup key`` wrote. ActRefused: the file holds none."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="ascii", errors="replace").splitlines()]
    except OSError as error:
        raise ActRefused(f"{file} cannot be read: {error.strerror}.") from error
    for line in lines:
        if line.startswith("AGE-SECRET-KEY-"):
            try:
                return pyrage.x25519.Identity.from_str(line)
            except pyrage.IdentityError:
                break
    raise ActRefused(
        f"{file} holds no backup key: it is the file that opencets backup key wrote (AGE-SECRET-KEY-1...)."
    )


def seal(source: IO[bytes], target: Path, to: Any) -> None:
    """Seal a stream into a file."""
    with target.open("wb") as stream:
        target.chmod(0o600)
        pyrage.encrypt_io(source, stream, [to])


def unseal(source: Path, target: IO[bytes], identity: Any) -> None:
    """Open a sealed file into a stream. ActRefused: another key seals it. DamagedSource: changed or cut."""
    try:
        with source.open("rb") as stream:
            pyrage.decrypt_io(stream, target, [identity])
    except pyrage.DecryptError as error:
        raise ActRefused(f"{source.name} is not opened by this key ({error}): take the key of that backup.") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise DamagedSource(f"{source} is not as it was written: {error}.") from error


def pack_secrets(folder: Path) -> bytes:
    """The files of the secrets folder as JSON, names to Base64."""
    files = {path.name: b64encode(path.read_bytes()).decode() for path in sorted(folder.iterdir()) if path.is_file()}
    return json.dumps(files).encode()


def unpack_secrets(packed: bytes, folder: Path) -> Iterable[str]:
    """Write the files of ``pack_secrets`` back, readable by this account alone; their names. DamagedSource: no such JSON."""
    try:
        files = {str(name): b64decode(text, validate=True) for name, text in json.loads(packed).items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise DamagedSource(f"The secrets of the backup cannot be read: {error}") from error
    if any(Path(name).name != name or name in {"", ".", ".."} for name in files):
        raise DamagedSource("The secrets of the backup name a file outside of their folder.")
    for name, octets in files.items():
        path = folder / name
        staged = folder / f".{name}.part"
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(octets)
            stream.flush()
            os.fsync(stream.fileno())
        staged.rename(path)
    return files.keys()


def _flush(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
