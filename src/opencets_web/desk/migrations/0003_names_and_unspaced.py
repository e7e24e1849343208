"""Names that were read before are found in other spellings; texts without spaces by every two letters beside each other."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

SCRIPTS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"


def put_names(apps: Any, schema_editor: Any) -> None:
    """The keys of every name that stands there."""
    from opencets_web.desk import naming

    rows = apps.get_model("evidence", "Claim").objects.filter(kind="name", normal__isnull=False)
    naming.put_names(rows.order_by().values_list("holding_id", "agency_id", "normal").distinct().iterator())


class Migration(migrations.Migration):
    """The function is here, not with the wall: the index needs it."""

    dependencies: ClassVar[list[tuple[str, str]]] = [("desk", "0002_watches"), ("evidence", "0005_field_keys")]
    operations: ClassVar[list[Any]] = [
        migrations.RunPython(put_names, migrations.RunPython.noop),
        migrations.RunSQL(
            "create or replace function app_letter_pairs(body text) returns text[] language sql immutable parallel safe as $$"
            " select coalesce(array_agg(distinct substr(t, n, 2)), '{}') from left(body, 4000) t, generate_series(1, length(t) - 1) n"
            f" where substr(t, n, 2) ~ '^[{SCRIPTS}]{{2}}$' $$;"
            " create index if not exists record_letter_pairs on evidence_record using gin (app_letter_pairs(body))"
            f" where body ~ '[{SCRIPTS}]'",
            "drop index if exists record_letter_pairs; drop function if exists app_letter_pairs(text)",
        ),
    ]
