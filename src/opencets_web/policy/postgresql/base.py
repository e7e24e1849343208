"""Django's PostgreSQL backend, with the acting officer set at BEGIN."""

from __future__ import annotations

from django.db.backends.postgresql import base

from opencets_web.policy.acting import TELL, acting_officer, identity


class DatabaseWrapper(base.DatabaseWrapper):
    """Each transaction begins with the officer of this context, local to it; without an officer the setting is empty."""

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        officer = acting_officer()
        if not autocommit and officer is not None:
            with self.cursor() as cursor:
                cursor.execute(TELL, identity(officer))
