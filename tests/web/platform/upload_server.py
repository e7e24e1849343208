"""An upload server with a ledger of files: what is told to it stands in its folder, also after a kill."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path

from opencets.errors import NotFound
from opencets_web.evidence.uploads import Scope, Upload, UploadApp


class FileLedger:
    """Knows one officer, who sends the cookie ``officer=1``; the number of another is no officer's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def officer_of(self, scope: Scope) -> str | None:
        cookie = dict(scope["headers"]).get(b"cookie", b"").decode()
        return cookie.removeprefix("officer=") or None

    async def create(self, session: str, metadata: dict[str, str], length: int) -> Upload:
        upload_id = uuid.uuid4().hex
        row = {
            "officer": session,
            "length": length,
            "blob_id": uuid.uuid4().hex,
            "key": "11" * 32,
            "metadata": metadata,
        }
        self._path(upload_id).write_text(json.dumps(row))
        return await self.load(session, upload_id)

    async def load(self, session: str, upload_id: str) -> Upload:
        if not upload_id.isalnum() or not self._path(upload_id).exists():
            raise NotFound
        row = json.loads(self._path(upload_id).read_text())
        if row["officer"] != session:
            raise NotFound
        path = self.folder / "staged" / upload_id
        return Upload(upload_id, row["length"], path, row["blob_id"], bytes.fromhex(row["key"]), "sha256" in row)

    async def advanced(self, upload: Upload, offset: int) -> None:
        self._add(upload, offset=offset)

    async def finished(self, upload: Upload, sha256: str, size: int) -> None:
        self._add(upload, sha256=sha256, size=size)

    async def removed(self, upload: Upload) -> None:
        self._path(upload.upload_id).unlink(missing_ok=True)

    def row(self, upload_id: str) -> dict[str, object]:
        """What the ledger knows of an upload."""
        found: dict[str, object] = json.loads(self._path(upload_id).read_text())
        return found

    def _path(self, upload_id: str) -> Path:
        return self.folder / f"{upload_id}.json"

    def _add(self, upload: Upload, **values: object) -> None:
        path = self._path(upload.upload_id)
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(UploadApp(FileLedger(Path(sys.argv[1]))), port=int(sys.argv[2]), log_level="warning", lifespan="off")
