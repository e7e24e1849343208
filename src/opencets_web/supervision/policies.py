"""The settings in which devices are watched: a policy file each (``data/settings``), the same engine for all."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from opencets.errors import ActRefused
from opencets.packing.order import COLLECTORS

FIELD_WORDS = {
    "court": "who orders it", "reference": "its number", "words": "what it says", "complaint": "where to complain",
    "notice_on": "when those who must be told were told", "co_users": "who else uses the device",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policy:
    """What a setting asks for and allows."""

    setting: str
    version: str
    source: str
    authority: str
    reference: str
    told: str
    compulsory: tuple[str, ...]
    longest_days: int
    longest_retention_days: int
    screenshots: tuple[str, ...]
    collectors: tuple[str, ...]
    alerted: tuple[str, ...]
    notice_days: int = 0
    """So many days must lie between the notice and the beginning."""

    def refuse(self, order: Any, conditions: Any) -> None:
        """ActRefused: the order goes beyond what the setting allows, or lacks what it makes compulsory."""
        for name in self.compulsory:
            if not getattr(order, name):
                raise ActRefused(
                    f"The order does not say {FIELD_WORDS[name]}; it is compulsory here. Nothing was signed."
                )
        if order.ends_at - order.begins_at > dt.timedelta(days=self.longest_days):
            raise ActRefused(f"It may last {self.longest_days} days at most; shorten it. Nothing was signed.")
        if order.notice_on and order.notice_on + dt.timedelta(days=self.notice_days) > order.begins_at.date():
            raise ActRefused(
                f"Notice is given {self.notice_days} days before it begins; it was given on {order.notice_on}. Nothing was signed."
            )
        if not conditions:
            raise ActRefused("It has no condition, so nothing may be taken. Add one; nothing was signed.")
        if order.known_list_id is None and any("file" in one.collectors for one in conditions):
            raise ActRefused(
                "New files are compared with a list of known files, and the order names none. Name one; nothing was signed."
            )
        for one in conditions:
            more = set(one.collectors) - set(self.collectors)
            if more:
                raise ActRefused(
                    f"Condition {one.ref}: {', '.join(sorted(more))} may not be collected here. Nothing was signed."
                )
            if one.screenshot not in self.screenshots:
                raise ActRefused(
                    f"Condition {one.ref}: a screenshot of this kind may not be taken here. Nothing was signed."
                )
            if one.retention_days > self.longest_retention_days:
                raise ActRefused(
                    f"Condition {one.ref}: {self.longest_retention_days} days at most are kept here. Nothing was signed."
                )


@cache
def policy_of(setting: str) -> Policy:
    """The policy of a setting."""
    text = (resources.files("opencets_web.supervision") / "data" / "settings" / f"{setting}.yaml").read_text("utf-8")
    given: dict[str, Any] = yaml.safe_load(text)
    lists = ("compulsory", "screenshots", "collectors", "alerted")
    read: dict[str, Any] = {name: tuple(value) if name in lists else value for name, value in given.items()}
    policy = Policy(**read)
    if not set(policy.collectors) <= set(COLLECTORS):
        raise ValueError(f"{setting}.yaml names a collector that there is not.")
    return policy
