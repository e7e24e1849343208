"""Keeping the keys under which names are found in another spelling."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction

from opencets.resolving.searched import name_keys
from opencets_web.desk.models import NameKey
from opencets_web.evidence.models import Claim
from opencets_web.policy import door
from opencets_web.policy.actor import Actor

AT_ONCE = 2_000


@transaction.atomic
def keep_names(actor: Actor, exhibit_id: UUID) -> int:
    """Keep the keys of all names that an exhibit states; how many names there are. Repeating it changes nothing."""
    names = door.visible(actor, Claim.objects.filter(record__exhibit=exhibit_id, kind="name", normal__isnull=False))
    return put_names(names.order_by().values_list("holding_id", "agency_id", "normal").distinct().iterator())


def put_names(rows: Iterable[Any]) -> int:
    """Put names with their keys, a name of a holding once."""
    given, count = iter(rows), 0
    while batch := list(islice(given, AT_ONCE)):
        count += len(batch)
        NameKey.objects.bulk_create(
            [
                NameKey(
                    id=NameKey.id_of(holding, normal), holding_id=holding, agency_id=agency, normal=normal, keys=keys
                )
                for holding, agency, normal in batch
                if (keys := name_keys(normal))
            ],
            ignore_conflicts=True,
        )
    return count
