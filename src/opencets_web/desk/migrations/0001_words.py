"""The words of values and of file names, for search. Prefixes of whole words, not letters anywhere: no extension is needed."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

APART = "'._-@|:/\\()[]+,#', '               '"
KINDS = "'name','email','handle','account_id','payment_handle','camera_serial','device_serial','address'"


class Migration(migrations.Migration):
    """Indexes only; the functions that use them are made with the wall."""

    dependencies: ClassVar[list[tuple[str, str]]] = [("evidence", "0001_initial")]
    operations: ClassVar[list[migrations.RunSQL]] = [
        migrations.RunSQL(
            "create index if not exists claim_words on evidence_claim using gin"
            f" (to_tsvector('simple'::regconfig, translate(normal, {APART})))"
            f" where normal is not null and kind in ({KINDS})",
            "drop index if exists claim_words",
        ),
        migrations.RunSQL(
            "create index if not exists file_words on evidence_exhibitfile using gin"
            f" (to_tsvector('simple'::regconfig, translate(name, {APART})))",
            "drop index if exists file_words",
        ),
    ]
