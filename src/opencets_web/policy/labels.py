"""The label of what stands under a holding, and of what is derived from several: the most restrictive wins."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from opencets.values.handling import Label, label_of, most_restrictive
from opencets_web.policy import door
from opencets_web.policy.actor import Actor
from opencets_web.policy.models import Holding


def label_under(holding: Holding) -> Label:
    """The label of a holding; its owner alone passes it on."""
    return label_of(holding.handling, holding.tlp, holding.conditions, holding.agency.short_name)


def labels_under(actor: Actor, holdings: Collection[UUID]) -> dict[UUID, Label]:
    """The labels of holdings in one query; one that the actor may not see has no code, and so is not shared."""
    rows = door.visible(actor, Holding.objects.filter(id__in=set(holdings))).select_related("agency")
    return {**dict.fromkeys(holdings, Label("")), **{row.id: label_under(row) for row in rows}}


def label_over(actor: Actor, holdings: Collection[UUID]) -> Label:
    """The label of what is derived from all of these holdings."""
    return most_restrictive(labels_under(actor, holdings).values())
