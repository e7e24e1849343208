"""Statistics that may be told to the public: computers by month, network and place, with small numbers withheld.

A count below five is withheld, and so is every sum that would give it away: sums are of what is shown.
"""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from typing import Any

from django.template.loader import render_to_string

from opencets.sighting import Ledger, answers
from opencets.sighting.answers import SUPPRESSED_BELOW
from opencets.sighting.areas import Area
from opencets_web.audit import log
from opencets_web.policy.actor import Actor
from opencets_web.sightings import ledger as kept
from opencets_web.sightings.queries import NETWORK_WORDS, Standing, Tab, Wanted, standing, tabs

DAYS = 3660
MOST_MONTHS = 24
HEIGHT = 180
TINTS = {"BitTorrent": "accent-solid", "Gnutella": "violet", "eDonkey": "good", "Other": "text-3"}
INKS = {"accent-solid": "#2a55c0", "violet": "#6038b0", "good": "#17653a", "text-3": "#5b6676"}
"""Of a picture that is taken out: the tokens of the light theme."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One network of one month."""

    x: float
    y: float
    height: float
    tint: str
    ink: str
    label: str


@dataclass(frozen=True, slots=True)
class Month:
    """One month's computers by network; None: withheld."""

    period: str
    x: float
    values: tuple[int | None, ...]
    shown: int
    withheld: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A place of a month in the table."""

    period: str
    place: str
    network: str
    computers: int | None
    sightings: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The statistics of what is open to the actor."""

    standing: Standing
    tabs: tuple[Tab, ...]
    networks: tuple[tuple[str, int, str, str], ...] = ()
    """Name, place in the legend, tint and ink."""
    months: tuple[Month, ...] = ()
    bars: tuple[Bar, ...] = ()
    most: int = 0
    width: int = 0
    lines: tuple[Line, ...] = ()
    sentence: str = ""
    title: str = ""
    below: int = SUPPRESSED_BELOW

    @property
    def frame(self) -> int:
        """Width of the picture with its edges."""
        return self.width + 20


def counted(ledger: Ledger, area: Area, network: str, by: str, *, anew: bool = False) -> list[dict[str, Any]]:
    """Counts of an area by month, as the ledger keeps the answer; ``anew``: of the ledger as it is now."""

    def ask() -> list[dict[str, Any]]:
        found = answers.counts(ledger, area, DAYS, monthly=True, published=True, by=by, network=network)
        return [asdict(one) for one in found]

    question = {"ask": "counts", "area": area.condition(), "network": network, "by": by}
    told: list[dict[str, Any]] = kept.answered(ledger, question, ask, anew=anew)
    return told


def get_figures(actor: Actor, wanted: Wanted, verb: str = "sightings.counted") -> Figures:
    """Counts by month and network, and by place. NotFound: a jurisdiction that is not open."""
    here = standing(actor)
    log.record(verb, actor, details={"jurisdiction": wanted.jurisdiction, "network": wanted.network})
    if here.missing or here.ledger is None:
        return Figures(here, tabs("statistics"))
    area, ledger = here.opened.chosen(wanted.jurisdiction), here.ledger
    by_place = "region" if wanted.jurisdiction else "country"

    def ask(by: str) -> list[Line]:
        return [
            Line(one["period"], one["place"], NETWORK_WORDS[one["network"]], one["computers"], one["sightings"])
            for one in counted(ledger, area, wanted.network, by)
        ]

    whole = ask("none")
    networks = tuple(name for name in TINTS if any(line.network == name for line in whole))
    months, bars, most = _months(whole, networks)
    width = max(len(months) * 46, 4 * 84)
    node = next((node.name for node in here.opened.tree if node.code == wanted.jurisdiction), "")
    title = f"Computers that offered known files, by month{f', {node}' if node else ''}"
    legend = tuple((name, 84 * at, TINTS[name], INKS[TINTS[name]]) for at, name in enumerate(networks))
    return Figures(
        here, tabs("statistics"), legend, months, bars, most, width, tuple(ask(by_place)), _sentence(months), title,
    )  # fmt: skip


def _months(lines: list[Line], networks: tuple[str, ...]) -> tuple[tuple[Month, ...], tuple[Bar, ...], int]:
    periods = sorted({line.period for line in lines})[-MOST_MONTHS:]
    found = {(line.period, line.network): line.computers for line in lines}
    months = []
    for at, period in enumerate(periods):
        there = [(period, name) in found for name in networks]
        values = tuple(found.get((period, name), 0) for name in networks)
        months.append(
            Month(
                period, at * 46.0, values, sum(value or 0 for value in values),
                any(here and value is None for here, value in zip(there, values, strict=True)),
            )
        )  # fmt: skip
    most = max((month.shown for month in months), default=1) or 1
    bars = []
    for month in months:
        y = float(HEIGHT)
        for name, value in zip(networks, month.values, strict=True):
            height = round((HEIGHT - 14) * (value or 0) / most, 1)
            y = round(y - height, 1)
            if height:
                words = f"{month.period}, {name}: {value} computers"
                bars.append(Bar(month.x, y, height, TINTS[name], INKS[TINTS[name]], words))
    return tuple(months), tuple(bars), most


def _sentence(months: tuple[Month, ...]) -> str:
    shown = [month for month in months if month.shown]
    if not shown:
        return "Too few computers were seen to tell a number."
    busiest = max(shown, key=lambda month: (month.shown, month.period))
    return (
        f"Most computers: {busiest.period}, {busiest.shown:,}. A computer that was seen on two networks is counted on both; "
        "what is not linked to an earlier run of the same program counts anew."
    )


def picture(actor: Actor, wanted: Wanted) -> str:
    """The plot as an SVG file that stands alone, for a report."""
    figures = get_figures(actor, wanted, "sightings.exported")
    return render_to_string("sightings/plot.svg", {"found": figures, "alone": True})


def table(actor: Actor, wanted: Wanted) -> str:
    """The counts by month, place and network as CSV; what is withheld says so."""
    figures = get_figures(actor, wanted, "sightings.exported")
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(("month", "place", "network", "computers", "sightings"))
    for line in figures.lines:
        withheld = line.computers is None
        words = f"fewer than {SUPPRESSED_BELOW}" if withheld else line.computers
        writer.writerow(
            (line.period, line.place or "not known", line.network, words, "" if withheld else line.sightings)
        )
    return sink.getvalue()
