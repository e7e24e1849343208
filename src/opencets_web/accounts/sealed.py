"""Fields whose text stands sealed in the database: private data of victims and officers, under the key of the agency that owns it.

A value is ``ocs1.`` and URL-safe Base64 of: the identifier of the key (16 bytes), a random nonce (12), and the text in AES-256-GCM
with its tag (NIST SP 800-38D). Table, column and row are its associated data, so a value that was moved to another place does not
open. An empty text stays empty. What is sealed is neither searched nor ordered: a lookup is refused, and so is ``update()``.

Which keys, is said by the setting ``SEALER``: this is the lowest room, and the keys are kept further up.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, cast
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.db.models.expressions import Combinable
from django.db.models.query_utils import DeferredAttribute
from django.utils.module_loading import import_string

from opencets.errors import ActRefused, DamagedSource

PREFIX = "ocs1."
ROWS_AT_ONCE = 500
SECRETS = frozenset({"secret", "seed"})
FACTOR_PLACE = "mfa_authenticator data"
"""Of second factors no row is known when they are sealed: allauth's hook is given the text alone."""
SEARCHED = frozenset({"exact", "isnull"})


class Sealer(Protocol):
    """Seals and opens under the keys of agencies; without an agency, under the key of this node."""

    def seal(self, agency_id: UUID | None, clear: bytes, place: bytes) -> bytes:
        """Key identifier, nonce, sealed bytes. ActRefused: the agency's key cannot be had."""
        ...

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """The clear bytes. ActRefused: destroyed with its key. DamagedSource: changed, moved, or the key is not known."""
        ...


@cache
def sealer() -> Sealer:
    """The keys that this installation seals by."""
    return cast("Sealer", import_string(settings.SEALER)())


@dataclass(frozen=True, slots=True)
class Sealed:
    """A text as it stands in the database; it shows nothing of itself."""

    token: str

    def __str__(self) -> str:
        return "(sealed)"


def seal_text(text: str, place: str, agency_id: UUID | None) -> str:
    """The text sealed for one place. ActRefused: the agency's key cannot be had."""
    return PREFIX + urlsafe_b64encode(sealer().seal(agency_id, text.encode(), place.encode())).decode()


def open_text(token: str, place: str) -> str:
    """The text of a sealed value. ActRefused: destroyed with its key. DamagedSource: not sealed, changed, or moved."""
    if not token.startswith(PREFIX):
        raise DamagedSource(f"A value of {place.split()[0]} is not sealed: stop the server and run `opencets setup`.")
    try:
        octets = urlsafe_b64decode(token[len(PREFIX) :])
    except (NotBase64, ValueError) as error:
        raise DamagedSource(f"A sealed value of {place.split()[0]} was changed.") from error
    return sealer().open(octets, place.encode()).decode()


if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
    _TextField = models.TextField[str | Combinable, str]
    _JSONField = models.JSONField
else:
    _Field = object
    _TextField = _JSONField = models.TextField


class _Opened(DeferredAttribute):
    """Opens a value where it is asked for, and not when its row is read."""

    field: SealedField

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        name = self.field.attname
        if name not in instance.__dict__:
            super().__get__(instance, cls)
        value = instance.__dict__[name]
        if isinstance(value, Sealed):
            value = instance.__dict__[name] = self.field.opened(instance, value)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class SealedField(_Field):
    """What every sealed field does; ``of``: the column of the same row that says under which agency's key."""

    descriptor_class = _Opened

    def __init__(self, *args: Any, of: str = "agency_id", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.of = of

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, list(args), {**kwargs, **({"of": self.of} if self.of != "agency_id" else {})}

    def place(self, row_id: object) -> str:
        """Table, column and row, as one line."""
        return f"{self.model._meta.db_table} {self.column} {row_id}"

    def opened(self, instance: models.Model, value: Sealed) -> Any:
        """What the value says; a sentence in its place where it was destroyed with its key."""
        try:
            return self.read(open_text(value.token, self.place(instance.pk)))
        except ActRefused as refusal:
            return self.lost(refusal.sentence)

    def written(self, value: Any) -> str:
        """The value as text, before it is sealed."""
        return str(value)

    def read(self, text: str) -> Any:
        """The value that a text stands for."""
        return text

    def lost(self, sentence: str) -> Any:
        """What stands for a value that was destroyed with its key."""
        return sentence

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:
        """Closed, until it is asked for."""
        return Sealed(value) if value else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """What is written: sealed for this row, under its agency's key."""
        value = model_instance.__dict__.get(self.attname)
        if value is None or value == "" or isinstance(value, Sealed):
            return value
        agency_id = getattr(model_instance, self.of)
        if agency_id is None or model_instance.pk is None:
            raise TypeError(f"{self.model.__name__}.{self.name} is sealed for a row and an agency; one is missing.")
        return Sealed(seal_text(self.written(value), self.place(model_instance.pk), agency_id))

    def get_prep_value(self, value: Any) -> str | None:
        if value is None or value == "":
            return None if value is None else ""
        if isinstance(value, Sealed):
            return value.token
        raise TypeError(f"{self.model.__name__}.{self.name} is sealed: it is written by save() and searched by nobody.")

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name in SEARCHED else None


class SealedTextField(SealedField, _TextField):
    """A text, sealed for its row."""


class SealedJSONField(SealedField, _JSONField):
    """A value of JSON, sealed for its row as the text that it is written in."""

    def written(self, value: Any) -> str:
        return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)

    def read(self, text: str) -> Any:
        return json.loads(text)

    def lost(self, sentence: str) -> Any:
        return {}


# --- Rows from before, and the way back -------------------------------------------------------------------------------


def sealed_fields(app_label: str = "") -> Iterator[SealedField]:
    """Every sealed field of the models, of one app where it is named."""
    for model in apps.get_models():
        if not app_label or model._meta.app_label == app_label:
            yield from (field for field in model._meta.local_fields if isinstance(field, SealedField))


def seal_rows(app_label: str = "") -> int:
    """Seal what still stands in the clear, some hundred rows in a transaction; how many. The connection is the owner's.

    Stopped anywhere, each value stands clear or sealed and the next call goes on; what is sealed is not touched.
    """
    fields = sealed_fields(app_label)
    return sum(_each(field, f"not starts_with({field.column}, '{PREFIX}')", _seal) for field in fields)


def open_rows(app_label: str = "") -> int:
    """The way back: put every sealed value into the clear again, in the same manner; how many."""
    return sum(_each(field, f"starts_with({field.column}, '{PREFIX}')", _open) for field in sealed_fields(app_label))


def seal_factors() -> int:
    """Seal the secrets of second factors that still stand in the clear; how many."""
    return _each_factor(lambda text: text if text.startswith(PREFIX) else seal_text(text, FACTOR_PLACE, None))


def open_factors() -> int:
    """The way back: put the secrets of second factors into the clear again; how many."""
    return _each_factor(lambda text: open_text(text, FACTOR_PLACE) if text.startswith(PREFIX) else text)


def _each_factor(change: Callable[[str], str]) -> int:
    from allauth.mfa.models import Authenticator

    changed = 0
    with transaction.atomic():
        for row in Authenticator.objects.select_for_update().exclude(type=Authenticator.Type.WEBAUTHN):
            data = {name: change(value) if name in SECRETS else value for name, value in row.data.items()}
            if isinstance(codes := data.get("migrated_codes"), list):
                data["migrated_codes"] = [change(code) for code in codes]
            if data != row.data:
                row.data, changed = data, changed + 1
                row.save(update_fields=["data"])
    return changed


def _seal(field: SealedField, row_id: UUID, agency_id: UUID, text: str) -> str:
    return seal_text(text, field.place(row_id), agency_id)


def _open(field: SealedField, row_id: UUID, agency_id: UUID, text: str) -> str:
    try:
        return open_text(text, field.place(row_id))
    except ActRefused as refusal:
        return field.written(field.lost(refusal.sentence))


def _each(field: SealedField, condition: str, change: Callable[[SealedField, UUID, UUID, str], str]) -> int:
    """Rewrite a column where the condition holds; a row that somebody changed meanwhile is left as it is."""
    table, column, after, changed = field.model._meta.db_table, field.column, UUID(int=0), 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"select id, {field.of}, {column} from {table} where {column} <> '' and {condition} and id > %s"
                " order by id limit %s",
                [after, ROWS_AT_ONCE],
            )
            rows = cursor.fetchall()
            if not rows:
                return changed
            cursor.execute("select 1 from pg_trigger where tgrelid = %s::regclass and tgname = 'append_only'", [table])
            kept = cursor.fetchone() is not None
            if kept:  # What may not be changed is not changed: the same text, sealed or open, by the tables' owner.
                cursor.execute(f"alter table {table} disable trigger append_only")
            cursor.executemany(
                f"update {table} set {column} = %s where id = %s and {column} = %s",
                [(change(field, row_id, agency_id, text), row_id, text) for row_id, agency_id, text in rows],
            )
            if kept:
                cursor.execute(f"alter table {table} enable trigger append_only")
        after, changed = rows[-1][0], changed + len(rows)
