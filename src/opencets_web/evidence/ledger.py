"""The upload route's view of our models (``evidence.uploads`` knows none): each call is one transaction, as the officer."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie

from opencets.errors import ActRefused, NotFound
from opencets.packing.blobs import new_blob_id
from opencets.packing.frames import new_key
from opencets_web.evidence import actions
from opencets_web.evidence.models import Exhibit
from opencets_web.evidence.uploads import Scope, Upload
from opencets_web.evidence.vault import keys, store
from opencets_web.policy.acting import acting_as
from opencets_web.policy.actor import Actor
from opencets_web.policy.middleware import has_second_factor
from opencets_web.policy.officers import actor_for
from opencets_web.policy.standing import standing_of


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in officer at the upload door."""

    actor: Actor


def officer_id_of(scope: Scope, *, listens: bool = False) -> str | None:
    """The officer id of the request's session, judged as the pages judge it; None also after a change of password.

    ``listens``: for a live line, which a locked session does not hold. What was begun to be sent goes on while the screen is
    locked: it only adds, and shows nothing.
    """
    cookies = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    key = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME)
    if not key or "\x00" in key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    officer = get_user(request)
    if not officer.is_authenticated or not officer.is_active:
        return None
    stands = standing_of(key, officer.pk)
    if stands is None or stands.over or (listens and stands.locked):
        return None
    return str(officer.pk)


class DjangoUploadLedger:
    """Uploads as rows of ``evidence.Upload``; bytes are staged in the home, adopted by the store at the end."""

    async def officer_of(self, scope: Scope) -> Session | None:
        return await sync_to_async(self._officer_of)(scope)

    async def create(self, session: Session, metadata: dict[str, str], length: int) -> Upload:
        return await sync_to_async(self._create)(session, metadata, length)

    async def load(self, session: Session, upload_id: str) -> Upload:
        return await sync_to_async(self._load)(session, upload_id)

    async def advanced(self, upload: Upload, offset: int) -> None:
        """Progress is counted by whole files; the page that sends knows the bytes."""

    async def finished(self, upload: Upload, sha256: str, size: int) -> None:
        await sync_to_async(self._finished)(upload, sha256, size)

    async def removed(self, upload: Upload) -> None:
        """The row stays: that a file was begun and given up is part of the custody."""

    def _officer_of(self, scope: Scope) -> Session | None:
        officer_id = officer_id_of(scope)
        if officer_id is None:
            return None
        try:
            actor = actor_for(officer_id, address=(scope.get("client") or ("",))[0])
        except NotFound:
            return None
        from opencets_web.accounts.models import Officer

        if not has_second_factor(Officer(pk=actor.officer_id)):
            return None
        return Session(actor)

    def _create(self, session: Session, metadata: dict[str, str], length: int) -> Upload:
        try:
            exhibit_id = UUID(metadata["exhibit"])
        except (KeyError, ValueError):
            raise ActRefused("The upload names no exhibit; open the page of the case again.") from None
        path = metadata.get("relative_path") or metadata.get("filename") or "unnamed"
        key, blob_id = new_key(), new_blob_id()
        with acting_as(session.actor.officer_id):
            # Sealed by the key of whose case it is; an exhibit that is not visible is refused a line later.
            owner = Exhibit.objects.filter(pk=exhibit_id).values_list("agency_id", flat=True).first()
            upload_id = actions.begin_upload(
                session.actor,
                exhibit_id,
                path=path,
                length=length,
                blob_path=blob_id,
                wrapped_key=keys(owner).wrap(key),
            )
        return Upload(f"{session.actor.officer_id.hex}{upload_id.hex}", length, _staged(blob_id), blob_id, key)

    def _load(self, session: Session, upload_id: str) -> Upload:
        try:
            officer, number = UUID(upload_id[:32]), UUID(upload_id[32:])
        except ValueError:
            raise NotFound from None
        if officer != session.actor.officer_id:
            raise NotFound
        with acting_as(session.actor.officer_id):
            begun = actions.get_upload(session.actor, number)
        key = keys().unwrap(begun.wrapped_key)
        return Upload(upload_id, begun.length, _staged(begun.blob_path), begun.blob_path, key, begun.finished)

    def _finished(self, upload: Upload, sha256: str, size: int) -> None:
        actor = actor_for(UUID(upload.upload_id[:32]), address="upload")
        if not store().exists(upload.blob_id):
            store().adopt(upload.path, upload.blob_id)
        with acting_as(actor.officer_id):
            actions.finish_upload(actor, UUID(upload.upload_id[32:]), sha256=sha256, size=size)


def _staged(blob_id: str) -> Path:
    folder = Path(settings.HOME) / "blobs" / "uploads"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / blob_id
