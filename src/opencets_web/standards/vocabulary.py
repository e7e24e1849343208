"""Checklists and action clocks, read from YAML files: those beside this file, and those of an agency in its home.

A file is one version of one checklist or of one set of clocks. It is checked when the program starts; SourceRefused names the
file and the line, so that a slip of the pen is found before a case goes by it. Needs no database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from opencets.errors import SourceRefused

HERE = Path(__file__).resolve().parent
KINDS = ("possession", "production", "enticement", "victim-identification", "missing", "other")
"""Kinds of case (``cases.models.CaseKind``), known here without a database."""

EVIDENCE = {
    "none": "Nothing needs to be named.",
    "reference": "An exhibit, a record or a reference of your own is named.",
    "record": "A record of the case is named.",
    "exhibit": "An exhibit of the case is named.",
}
"""What a step asks for when it is done."""

CALENDARS = {"every-day": "every day counts", "working-days": "working days count"}
RUNS_FROM = {"first-information": "from the first information", "change": "from the change of the band"}
STEP_RUNS_FROM = {"first-information": "after the first information", "applied": "after the checklist was applied"}
ANYWHERE = "*"

_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_COUNTRY = re.compile(r"[A-Z]{2}|\*")


@dataclass(frozen=True, slots=True)
class Term:
    """How long something may take: minutes or hours (every one counts), or days."""

    minutes: int = 0
    hours: int = 0
    days: int = 0

    @property
    def span(self) -> timedelta:
        """The length on a calendar in which every day counts."""
        return timedelta(minutes=self.minutes, hours=self.hours, days=self.days)

    def __str__(self) -> str:
        number, unit = max((self.minutes, "minute"), (self.hours, "hour"), (self.days, "day"))
        return f"{number} {unit}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a checklist."""

    key: str
    title: str
    why: str
    done_when: str
    required: bool = True
    evidence: str = "none"
    due: Term | None = None
    due_from: str = "first-information"
    due_soon: Term | None = None
    escalate_after: Term | None = None
    stops: tuple[str, ...] = ()
    part: str = ""


@dataclass(frozen=True, slots=True)
class Checklist:
    """One version of a checklist: for which kinds of case, where, from when, and its steps in order."""

    key: str
    version: int
    title: str
    jurisdiction: str
    kinds: tuple[str, ...]
    valid_from: date
    source: str
    steps: tuple[Step, ...]
    agencies: tuple[str, ...] = ()

    def step(self, key: str) -> Step | None:
        """The step of this key, or None."""
        return next((step for step in self.steps if step.key == key), None)


@dataclass(frozen=True, slots=True)
class Band:
    """One band of a set of clocks: how fast somebody acts, from when time runs, and who is told when nobody did."""

    key: str
    title: str
    meaning: str
    due: Term
    due_soon: Term
    escalate_after: Term
    runs_from: str = "first-information"
    may_pause: bool = False
    threat_to_life: bool = False


@dataclass(frozen=True, slots=True)
class Clocks:
    """One version of a set of action clocks, most urgent band first."""

    key: str
    version: int
    title: str
    jurisdiction: str
    kinds: tuple[str, ...]
    valid_from: date
    source: str
    acts: str
    bands: tuple[Band, ...]
    calendar: str = "every-day"
    zone: str = "UTC"
    holidays: tuple[date, ...] = ()
    agencies: tuple[str, ...] = ()

    def band(self, key: str) -> Band | None:
        """The band of this key, or None."""
        return next((band for band in self.bands if band.key == key), None)


@dataclass(frozen=True, slots=True)
class Standards:
    """Every version of every checklist and every set of clocks that this node knows."""

    checklists: tuple[Checklist, ...]
    clocks: tuple[Clocks, ...]

    def checklists_for(self, kind: str, country: str, agency: str, on: date) -> tuple[Checklist, ...]:
        """The checklists offered to a case, newest version of each, the country's own before those for anywhere."""
        return _offered(self.checklists, kind, country, agency, on)

    def clocks_for(self, kind: str, country: str, agency: str, on: date) -> tuple[Clocks, ...]:
        """The sets of clocks offered to a case, in the same order."""
        return _offered(self.clocks, kind, country, agency, on)

    def checklist(self, key: str, version: int | None = None, *, on: date | None = None) -> Checklist | None:
        """One version of a checklist, or the newest in force on a day; None where there is none."""
        return _newest(self.checklists, key, version, on)

    def clock(self, key: str, version: int | None = None, *, on: date | None = None) -> Clocks | None:
        """One version of a set of clocks, or the newest in force on a day; None where there is none."""
        return _newest(self.clocks, key, version, on)


T = TypeVar("T", Checklist, Clocks)


def _newest(rows: Iterable[T], key: str, version: int | None, on: date | None) -> T | None:
    fitting = [row for row in rows if row.key == key and (version is None or row.version == version)]
    in_force = [row for row in fitting if on is None or row.valid_from <= on]
    return max(in_force, key=lambda row: row.version, default=None)


def _offered(rows: Iterable[T], kind: str, country: str, agency: str, on: date) -> tuple[T, ...]:
    newest: dict[str, T] = {}
    for row in rows:
        if row.valid_from <= on and (row.key not in newest or row.version > newest[row.key].version):
            newest[row.key] = row
    fitting = [
        row
        for row in newest.values()
        if kind in row.kinds
        and row.jurisdiction in (country, ANYWHERE)
        and (not row.agencies or agency in row.agencies)
    ]
    return tuple(sorted(fitting, key=lambda row: (not row.agencies, row.jurisdiction == ANYWHERE, row.title)))


# --- Reading ----------------------------------------------------------------------------------------


def read(*folders: Path) -> Standards:
    """All that stands in ``checklists`` and ``clocks`` of these folders. SourceRefused: a file is not right, or stands twice."""
    checklists: dict[tuple[str, int], tuple[str, Checklist]] = {}
    clocks: dict[tuple[str, int], tuple[str, Clocks]] = {}
    sheets: list[tuple[_Sheet, Checklist]] = []
    for folder in folders:
        for path in _files(folder / "clocks"):
            _keep(clocks, path, read_clocks(path))
        for path in _files(folder / "checklists"):
            sheet = _Sheet.read(path)
            sheets.append((sheet, _checklist(sheet)))
            _keep(checklists, path, sheets[-1][1])
    for sheet, checklist in sheets:
        _stops_what_is_there(sheet, checklist, {key for key, _ in clocks})
    return Standards(
        tuple(entry for _, entry in sorted(checklists.values(), key=lambda pair: (pair[1].key, pair[1].version))),
        tuple(entry for _, entry in sorted(clocks.values(), key=lambda pair: (pair[1].key, pair[1].version))),
    )


def _files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]) if folder.is_dir() else []


def _keep(known: dict[tuple[str, int], tuple[str, T]], path: Path, entry: T) -> None:
    before = known.get((entry.key, entry.version))
    if before is not None:
        raise SourceRefused(
            f"{path}, line 1: {entry.key} version {entry.version} stands in {before[0]} already; give it the next version."
        )
    known[entry.key, entry.version] = (str(path), entry)


def _stops_what_is_there(sheet: _Sheet, checklist: Checklist, clocks: set[str]) -> None:
    for number, step in enumerate(checklist.steps):
        for place, key in enumerate(step.stops):
            if key not in clocks:
                told = ", ".join(sorted(clocks)) or "none"
                sheet.refuse(
                    ("steps", number, "stops", place), f"stops: no clocks are called {key!r}; there are {told}."
                )


def read_checklist(path: Path) -> Checklist:
    """One checklist; SourceRefused names file and line."""
    return _checklist(_Sheet.read(path))


def read_clocks(path: Path) -> Clocks:
    """One set of clocks; SourceRefused names file and line."""
    return _clocks(_Sheet.read(path))


def checklist_of(content: Mapping[str, Any]) -> Checklist:
    """A checklist as a case keeps it (``content_of``), whatever the files say today."""
    return _checklist(_Sheet("the case", dict(content)))


def clocks_of(content: Mapping[str, Any]) -> Clocks:
    """A set of clocks as a case keeps it (``content_of``), whatever the files say today."""
    return _clocks(_Sheet("the case", dict(content)))


def content_of(entry: Checklist | Clocks) -> dict[str, Any]:
    """What a case keeps of the version that it goes by, as JSON."""
    content: dict[str, Any] = _plain(asdict(entry))
    content["checklist" if isinstance(entry, Checklist) else "clocks"] = content.pop("key")
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        # Only a term has numbers that may be 0, and of its two units one is left out.
        said = {name: part for name, part in value.items() if part not in (None, "", ())}
        return {name: _plain(part) for name, part in said.items() if part is False or part != 0}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


Place = tuple[str | int, ...]


@dataclass
class _Sheet:
    """A file as plain values, with the line of each."""

    name: str
    values: dict[str, Any]
    lines: dict[Place, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> _Sheet:
        try:
            text = path.read_text("utf-8")
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except (OSError, UnicodeDecodeError) as trouble:
            raise SourceRefused(f"{path}: cannot be read ({trouble}).") from trouble
        except yaml.MarkedYAMLError as trouble:
            mark = trouble.problem_mark or trouble.context_mark
            line = mark.line + 1 if mark else 1
            raise SourceRefused(f"{path}, line {line}: not YAML: {trouble.problem or trouble.context}.") from trouble
        except yaml.YAMLError as trouble:
            raise SourceRefused(f"{path}, line 1: not YAML: {trouble}.") from trouble
        sheet = cls(str(path), {})
        if not isinstance(node, yaml.MappingNode):
            sheet.refuse((), "a mapping of names to values is expected.")
        sheet._note((), node)
        try:
            values = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError) as trouble:
            raise SourceRefused(f"{path}, line 1: {trouble}.") from trouble
        sheet.values = values
        return sheet

    def _note(self, place: Place, node: Any) -> None:
        self.lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                if name in seen:
                    self.lines[*place, name] = key.start_mark.line + 1
                    self.refuse((*place, name), f"{name} is written twice.")
                seen.add(name)
                self._note((*place, name), value)
                self.lines[*place, name] = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                self._note((*place, number), value)

    def refuse(self, place: Place, sentence: str) -> Any:
        """Raise SourceRefused for what stands at this place."""
        while place and place not in self.lines:
            place = place[:-1]
        raise SourceRefused(f"{self.name}, line {self.lines.get(place, 1)}: {sentence}")


@dataclass(frozen=True)
class _Part:
    """One mapping of a sheet."""

    sheet: _Sheet
    place: Place
    values: dict[str, Any]

    @classmethod
    def of(cls, sheet: _Sheet, place: Place, values: Any, allowed: Iterable[str]) -> _Part:
        if not isinstance(values, dict):
            sheet.refuse(place, "a mapping of names to values is expected.")
        known = list(allowed)
        for name in values:
            if name not in known:
                sheet.refuse((*place, str(name)), f"{name} is not known here; there are {', '.join(known)}.")
        return cls(sheet, place, values)

    def refuse(self, name: str, sentence: str) -> Any:
        return self.sheet.refuse((*self.place, name), sentence)

    def text(self, name: str, default: str | None = None) -> str:
        value = self.values.get(name, default)
        if value is None:
            self.refuse(name, f"{name} is missing.")
        if not isinstance(value, str) or (not value.strip() and default is None):
            self.refuse(name, f"{name} is a text.")
        return " ".join(str(value).split())

    def key(self, name: str) -> str:
        value = self.text(name)
        if not _KEY.fullmatch(value):
            self.refuse(name, f"{name} is made of small letters, digits and hyphens, not {value!r}.")
        return value

    def one_of(self, name: str, known: Iterable[str], default: str) -> str:
        value, listed = self.text(name, default), list(known)
        if value not in listed:
            self.refuse(name, f"{name} is one of {', '.join(listed)}, not {value!r}.")
        return value

    def yes(self, name: str, default: bool) -> bool:
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            self.refuse(name, f"{name} is true or false.")
        return bool(value)

    def number(self, name: str) -> int:
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100_000:
            self.refuse(name, f"{name} is a whole number from 1.")
        return int(value)  # type: ignore[arg-type]

    def day(self, name: str) -> date:
        value = self.values.get(name)
        return self._day(name, value)

    def _day(self, name: str, value: Any) -> date:
        if type(value) is date:
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            return self.refuse(name, f"{name} is a day, written YYYY-MM-DD, not {value!r}.")  # type: ignore[no-any-return]

    def days(self, name: str) -> tuple[date, ...]:
        return tuple(self._day(name, value) for value in self._list(name))

    def words(self, name: str, known: Iterable[str] | None = None) -> tuple[str, ...]:
        listed = list(known) if known is not None else None
        found = self._list(name)
        for number, value in enumerate(found):
            if not isinstance(value, str) or (listed is not None and value not in listed):
                told = f"; there are {', '.join(listed)}" if listed is not None else ""
                self.sheet.refuse((*self.place, name, number), f"{name}: {value!r} is not known{told}.")
        return tuple(found)

    def _list(self, name: str) -> list[Any]:
        value = self.values.get(name, [])
        if not isinstance(value, list | tuple):
            self.refuse(name, f"{name} is a list.")
        return list(value)

    def term(self, name: str) -> Term | None:
        if self.values.get(name) is None:
            return None
        part = _Part.of(self.sheet, (*self.place, name), self.values[name], ("minutes", "hours", "days"))
        if len(part.values) != 1:
            part.refuse("", f"{name} is either {{hours: 24}} or {{days: 7}}.")
        (unit,) = part.values
        return Term(**{unit: part.number(unit)})

    def needed_term(self, name: str) -> Term:
        return self.term(name) or self.refuse(name, f"{name} is missing: {{hours: 24}} or {{days: 7}}.")

    def parts(self, name: str, allowed: Iterable[str]) -> list[_Part]:
        found = self._list(name)
        if not found:
            self.refuse(name, f"{name}: at least one is needed.")
        return [_Part.of(self.sheet, (*self.place, name, number), value, allowed) for number, value in enumerate(found)]


_HEAD = ("version", "title", "jurisdiction", "kinds", "valid_from", "source", "agencies")


def _head(part: _Part, key: str) -> dict[str, Any]:
    jurisdiction = part.text("jurisdiction")
    if not _COUNTRY.fullmatch(jurisdiction):
        part.refuse("jurisdiction", f"jurisdiction is a country (ISO 3166-1, two letters) or *, not {jurisdiction!r}.")
    kinds = part.words("kinds", KINDS)
    if not kinds:
        part.refuse("kinds", f"kinds: at least one of {', '.join(KINDS)}.")
    return {
        "key": part.key(key),
        "version": part.number("version"),
        "title": part.text("title"),
        "jurisdiction": jurisdiction,
        "kinds": kinds,
        "valid_from": part.day("valid_from"),
        "source": part.text("source"),
        "agencies": part.words("agencies"),
    }


_STEP = (
    "key", "title", "why", "done_when", "required", "evidence", "due", "due_from", "due_soon", "escalate_after",
    "stops", "part",
)  # fmt: skip


def _checklist(sheet: _Sheet) -> Checklist:
    whole = _Part.of(sheet, (), sheet.values, ("checklist", *_HEAD, "steps"))
    steps = tuple(_step(part) for part in whole.parts("steps", _STEP))
    _once(whole, "steps", [step.key for step in steps])
    return Checklist(**_head(whole, "checklist"), steps=steps)


def _step(part: _Part) -> Step:
    step = Step(
        key=part.key("key"),
        title=part.text("title"),
        why=part.text("why"),
        done_when=part.text("done_when"),
        required=part.yes("required", True),
        evidence=part.one_of("evidence", EVIDENCE, "none"),
        due=part.term("due"),
        due_from=part.one_of("due_from", STEP_RUNS_FROM, "first-information"),
        due_soon=part.term("due_soon"),
        escalate_after=part.term("escalate_after"),
        stops=part.words("stops"),
        part=part.text("part", ""),
    )
    for name in ("due_soon", "escalate_after"):
        if part.values.get(name) is not None and step.due is None:
            part.refuse(name, f"{name} is given for a step that has no due.")
    if step.due and step.due_soon and step.due_soon.span >= step.due.span:
        part.refuse("due_soon", "due_soon is shorter than due.")
    return step


_BAND = ("key", "title", "meaning", "due", "due_soon", "escalate_after", "runs_from", "may_pause", "threat_to_life")


def _clocks(sheet: _Sheet) -> Clocks:
    whole = _Part.of(
        sheet, (), sheet.values, ("clocks", *_HEAD, "acts", "bands", "calendar", "zone", "holidays")
    )  # fmt: skip
    calendar = whole.one_of("calendar", CALENDARS, "every-day")
    zone = whole.text("zone", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        whole.refuse("zone", f"zone is a time zone such as Europe/London, not {zone!r}.")
    parts = whole.parts("bands", _BAND)
    bands = tuple(_band(part) for part in parts)
    _once(whole, "bands", [band.key for band in bands])
    for part, band in zip(parts, bands, strict=True):
        if calendar == "working-days" and not band.due.days:
            part.refuse("due", "with working days, due is given in days.")
    return Clocks(
        **_head(whole, "clocks"),
        acts=whole.text("acts"),
        bands=bands,
        calendar=calendar,
        zone=zone,
        holidays=whole.days("holidays"),
    )


def _band(part: _Part) -> Band:
    band = Band(
        key=part.key("key"),
        title=part.text("title"),
        meaning=part.text("meaning"),
        due=part.needed_term("due"),
        due_soon=part.needed_term("due_soon"),
        escalate_after=part.needed_term("escalate_after"),
        runs_from=part.one_of("runs_from", RUNS_FROM, "first-information"),
        may_pause=part.yes("may_pause", False),
        threat_to_life=part.yes("threat_to_life", False),
    )
    if band.due_soon.span >= band.due.span:
        part.refuse("due_soon", "due_soon is shorter than due.")
    if band.may_pause and band.threat_to_life:
        part.refuse("may_pause", "a clock of a threat to life is never paused.")
    return band


def _once(whole: _Part, name: str, keys: list[str]) -> None:
    for number, key in enumerate(keys):
        if key in keys[:number]:
            whole.sheet.refuse((name, number, "key"), f"{name}: the key {key} stands twice.")


# --- The difference between two versions ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """What a newer version says otherwise: ``added``, ``removed`` or ``changed``, the step, and each field before and after."""

    what: str
    title: str
    fields: tuple[tuple[str, str, str], ...] = ()


LABELS = {
    "title": "Step",
    "why": "Why",
    "done_when": "Done when",
    "required": "Required",
    "evidence": "Evidence",
    "due": "Due",
    "due_from": "Counted",
    "due_soon": "Due soon",
    "escalate_after": "Supervisors told after",
    "stops": "Stops the clocks",
    "part": "Part",
}


def difference(before: Checklist, after: Checklist) -> tuple[Change, ...]:
    """What changes for a case that moves from one version to another; steps are the same where their keys are."""
    changes = []
    for step in after.steps:
        old = before.step(step.key)
        if old is None:
            changes.append(Change("added", step.title))
        elif old != step:
            fields = tuple(
                (label, _told(getattr(old, name)), _told(getattr(step, name)))
                for name, label in LABELS.items()
                if getattr(old, name) != getattr(step, name)
            )
            changes.append(Change("changed", step.title, fields))
    changes += [Change("removed", step.title) for step in before.steps if after.step(step.key) is None]
    return tuple(changes)


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return str(value) if value not in (None, "") else "none"
