"""The promises about pages and database share the cast of the web tests."""

from __future__ import annotations

from tests.web.conftest import as_actor, as_job, cast, client_for, django_db_setup

__all__ = ["as_actor", "as_job", "cast", "client_for", "django_db_setup"]
