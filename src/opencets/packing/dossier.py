"""What a package tells of a case, whatever its format, and the disclosure bundle made of it.

The bundle is for court and defence: what was found, where, how, with which versions, what was not read, and the log. The rows
come one after another and are written one after another; ``index.html`` is read without any program and prints.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any, BinaryIO

from opencets.packing.package import Part, Row, json_lines

MOST_SHOWN = 300
"""Rows of one section on the page; the file beside it has all."""
READ_SIZE = 1 << 20


def _none() -> Iterator[Row]:
    return iter(())


Rows = Callable[[], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class Original:
    """A file as it was received: its name in the package, its length, and what opens it."""

    name: str
    size: int
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case as the officer who releases it may give it: each stream is read once, in order.

    ``release``: recipients, purpose, handling, tlp, conditions, originator, label, until, released_by, agency, made_at, scope, id,
    format, software.
    ``case``: reference, title, kind, agency, numbers. The rows carry what their column names in the bundle say.
    ``left_out``: what is not in the package, how many of it, and why.
    """

    release: Row
    case: Row
    exhibits: Rows
    files: Rows
    records: Rows
    media: Rows = _none
    near_duplicates: Rows = _none
    skipped: Rows = _none
    matches: Rows = _none
    judgements: Rows = _none
    connections: Rows = _none
    notes: Rows = _none
    acts: Rows = _none
    checkpoint: Callable[[], Row | None] = lambda: None
    originals: Callable[[], Iterator[Original]] = lambda: iter(())
    left_out: Callable[[], list[Row]] = list

    def header(self) -> Row:
        """What the manifest says beside the files."""
        told = (
            "recipients",
            "purpose",
            "handling",
            "tlp",
            "originator",
            "label",
            "conditions",
            "until",
            "released_by",
            "scope",
            "originals_of",
        )
        return {
            "package": {name: self.release[name] for name in ("id", "format", "made_at")},
            "case": {
                "reference": self.case["reference"],
                "agency": self.case["agency"],
                "numbers": self.case["numbers"],
            },
            "release": {name: self.release[name] for name in told if name in self.release},
            "software": {"name": "OpenCETS", "version": self.release["software"]},
        }


@dataclass(slots=True)
class _Kept:
    """The first rows of a stream that passes, and how many passed."""

    rows: list[Row] = field(default_factory=list)
    total: int = 0

    def through(self, rows: Iterable[Row], shown: Callable[[Row], bool] = lambda row: True) -> Iterator[Row]:
        for row in rows:
            if shown(row):
                self.total += 1
                if len(self.rows) < MOST_SHOWN:
                    self.rows.append(row)
            yield row


def disclosure_parts(dossier: Dossier) -> Iterator[Part]:
    """The files of a disclosure bundle, one after another; the page comes last, when everything has passed."""
    kept: dict[str, _Kept] = {}

    def lines(name: str, role: str, rows: Rows, shown: Callable[[Row], bool] = lambda row: True) -> Part:
        kept[name] = _Kept()
        return Part(name, role, json_lines(kept[name].through(rows(), shown)))

    yield Part("case.json", "the case and this release", [_json({"case": dossier.case, "release": dossier.release})])
    yield lines("exhibits.jsonl", "exhibits with their chain of custody", dossier.exhibits)
    yield lines("files.jsonl", "every file of the exhibits, with digests", dossier.files)
    yield lines("records.jsonl", "what was read, where, by which reader, claim by claim", dossier.records, _standing)
    yield lines("media.jsonl", "pictures and videos: digests and known files; no pixels", dossier.media)
    yield lines("near-duplicates.jsonl", "pictures that look alike", dossier.near_duplicates)
    guesses = kept["guesses"] = _Kept()
    yield lines(
        "reading-report.jsonl",
        "what was not read, where and why, and what readers had to guess",
        lambda: guesses.through(dossier.skipped(), lambda row: _standing(row) and bool(row["guess"])),
        lambda row: _standing(row) and not row["guess"],
    )
    yield lines("matches.jsonl", "suggested matches of people, with reasons and model", dossier.matches)
    yield lines("judgements.jsonl", "what people decided, who, when and why", dossier.judgements)
    yield lines("connections.jsonl", "connections between cases, with every step", dossier.connections)
    yield lines("notes.jsonl", "notes on the case", dossier.notes)
    yield lines("log/acts.jsonl", "the log of the case, with proofs", dossier.acts, _act_of_note)
    yield Part("log/checkpoint.json", "the root that the proofs lead to", _checkpoint(dossier))
    yield from original_parts(dossier)
    left_out = dossier.left_out()
    yield Part("left-out.json", "what is not in this package, and why", [_json({"left_out": left_out})])
    yield Part("index.html", "summary to read and print", _page(dossier, kept, left_out))


def original_parts(dossier: Dossier) -> Iterator[Part]:
    """The files as they were received, of the exhibits for which they were asked."""
    for original in dossier.originals():
        yield Part(original.name, "original, as received", _bytes_of(original), packed=False)


def _checkpoint(dossier: Dossier) -> Iterator[bytes]:
    yield _json(dossier.checkpoint() or {"size": 0, "root": "", "at": ""})


def _bytes_of(original: Original) -> Iterator[bytes]:
    with original.open() as stream:
        while part := stream.read(READ_SIZE):
            yield part


def _json(value: Row) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


def _standing(row: Row) -> bool:
    return not row.get("retired_at")


def _act_of_note(row: Row) -> bool:
    """Whether an act changed something: looks fill a log, and stand in its file alone."""
    verb = str(row.get("verb", ""))
    return not row.get("withheld") and not verb.endswith((".viewed", ".listed"))


# --- The page -----------------------------------------------------------------------------------------------------------

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1f26;max-width:60rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #b9c2cc;padding-bottom:.2rem}
h3{font-size:1rem;margin-bottom:.2rem}table{border-collapse:collapse;width:100%;font-size:.875rem}
th,td{border:1px solid #b9c2cc;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#eef1f4}
.marking{border:2px solid #8a1f11;padding:.5rem 1rem;margin:1rem 0}.quiet{color:#4d5965}dt{font-weight:600}dd{margin:0 0 .5rem}
article{border-left:3px solid #b9c2cc;padding:.1rem 0 .1rem 1rem;margin:1rem 0;overflow-wrap:anywhere}code{overflow-wrap:anywhere}
@media print{body{max-width:none;padding:0;font-size:11pt}article,tr{break-inside:avoid}h2{break-after:avoid}}
@media (max-width:40rem){body{padding:1rem}.wide{overflow-x:auto}}
"""


def _page(dossier: Dossier, kept: dict[str, _Kept], left_out: list[Row]) -> Iterator[bytes]:
    release, case = dossier.release, dossier.case
    title = f"{case['reference']}: {_TITLES.get(str(release['format']), 'Release')}"
    yield (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_e(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body>\n<h1>{_e(title)}</h1>\n"
    ).encode()
    for section in (
        _marking(release), _summary(dossier, kept), _exhibits(kept["exhibits.jsonl"]), _findings(kept), _not_read(kept),
        _timeline(kept), _notes(kept["notes.jsonl"]), _left_out(left_out), _how_to_verify(),
    ):  # fmt: skip
        for text in section:
            yield text.encode()
    yield b"</body></html>\n"


_TITLES = {"disclosure": "Disclosure", "case-uco": "CASE/UCO release", "vics": "VICS release"}


def _e(value: object) -> str:
    return escape(str("" if value is None else value), quote=True)


def _marking(release: Row) -> Iterator[str]:
    code = {"P": "P, lawful sharing permitted", "C": "C, lawful sharing permitted with conditions"}
    yield '<section class="marking" aria-label="Handling"><dl>'
    for name, value in (
        ("Handling code", code.get(str(release["handling"]), release["handling"])),
        ("TLP", f"TLP:{release['tlp']}" if release.get("tlp") else ""),
        ("Conditions", release["conditions"]),
        ("Passed on by", f"{release['originator']} alone" if release.get("originator") else ""),
        ("For", release["recipients"]),
        ("Purpose", release["purpose"]),
        ("Released by", f"{release['released_by']}, {release['agency']}, {_when(release['made_at'])}"),
        ("To be used until", release["until"]),
    ):
        if value:
            yield f"<dt>{_e(name)}</dt><dd>{_e(value)}</dd>"
    yield "</dl></section>\n"


def _summary(dossier: Dossier, kept: dict[str, _Kept]) -> Iterator[str]:
    case = dossier.case
    yield "<h2>Summary</h2><dl>"
    numbers = "; ".join(f"{number['partner']} {number['number']}" for number in case["numbers"])
    scope = dossier.release["scope"]
    for name, value in (
        ("Case", f"{case['reference']} {case['title']}"),
        ("Agency", case["agency"]),
        ("About", case["kind"]),
        ("Numbers of partners", numbers),
        ("Summary", case.get("summary", "")),
        ("What is released", "The whole case" if scope == "case" else "Exhibits " + ", ".join(scope)),
        (
            "Originals included of",
            ", ".join(dossier.release["originals_of"]) or "No exhibit: no picture is in this package",
        ),
        ("Made with", f"OpenCETS {dossier.release['software']}"),
    ):
        if value:
            yield f"<dt>{_e(name)}</dt><dd>{_e(value)}</dd>"
    yield "</dl>"
    counts = [
        (label, kept[name].total, name)
        for label, name in (
            ("Exhibits", "exhibits.jsonl"), ("Files", "files.jsonl"), ("Records read", "records.jsonl"),
            ("Pictures and videos", "media.jsonl"), ("Places not read", "reading-report.jsonl"),
            ("Suggested matches", "matches.jsonl"), ("Decisions of people", "judgements.jsonl"),
            ("Connections to other cases", "connections.jsonl"), ("Notes", "notes.jsonl"),
        )
    ]  # fmt: skip
    yield from _table(("What", "How many", "All of them in"), counts)
    yield (
        "<p>A record is one thing as read from one place of one exhibit. A match is a suggestion of the program that two records "
        "are the same person, with its reasons; it decides nothing. A decision is a person's, with who, when and why.</p>\n"
    )


def _exhibits(kept: _Kept) -> Iterator[str]:
    yield "<h2>Exhibits and custody</h2>"
    for row in kept.rows:
        yield (
            f"<h3>{_e(row['reference'])} {_e(row['title'])}</h3><p>Received by {_e(row['received_by'])}, "
            f"{_e(_when(row['received_at']))}. {_e(row['files'])} files, {_e(row['records'])} records read, "
            f"{_e(row['skipped'])} places not read.</p>"
        )
        custody = [(_when(entry["at"]), entry["officer"], entry["sentence"]) for entry in row["custody"][:MOST_SHOWN]]
        yield from _table(("When", "Who", "What was done"), custody)
    yield from _more(kept, "exhibits.jsonl")


def _findings(kept: dict[str, _Kept]) -> Iterator[str]:
    yield "<h2>Findings, and how each was found</h2>"
    known = [row for row in kept["media.jsonl"].rows if row.get("known_set")]
    yield f"<h3>Known files ({len(known)} shown)</h3>"
    if not known:
        yield '<p class="quiet">No picture or video shown here stands in a list of known files.</p>'
    for row in known:
        distance = row.get("known_distance") or 0
        how = (
            "It is the identical file: the digests are equal."
            if not distance
            else f"It looks like an entry of that list: {distance} of the 256 bits of its picture hash (PDQ) differ."
        )
        yield (
            f"<article><p><b>{_e(row['where'])}</b>: stands in the list {_e(row['known_set'])} as "
            f"{_e(', '.join(row['known_as']) or 'known')}.</p><p>How found: {how} "
            f"SHA-256 <code>{_e(row['sha256'])}</code></p></article>"
        )
    yield "<h3>Decisions of people</h3>"
    for row in kept["judgements.jsonl"].rows:
        undone = f" Undone {_e(_when(row['undone_at']))} by {_e(row['undone_by'])}." if row.get("undone_at") else ""
        yield (
            f"<article><p><b>{_e(row['left_label'])}</b> ({_e(row['left_where'])}) and <b>{_e(row['right_label'])}</b> "
            f"({_e(row['right_where'])}): {_e(row['verdict'])}.</p><p>How found: decided by {_e(row['by'])}, "
            f"{_e(_when(row['at']))}, because: {_e(row['reason'])}{undone}</p></article>"
        )
    yield from _none_or_more(kept["judgements.jsonl"], "judgements.jsonl", "Nobody decided anything about two records.")
    yield "<h3>Suggested matches</h3>"
    for row in kept["matches.jsonl"].rows:
        reasons = "".join(f"<li>{_e(reason)}</li>" for reason in row["because"])
        gone = f" Taken back {_e(_when(row['retired_at']))}." if row.get("retired_at") else ""
        yield (
            f"<article><p><b>{_e(row['left_label'])}</b> ({_e(row['left_where'])}) and <b>{_e(row['right_label'])}</b> "
            f"({_e(row['right_where'])}) may be the same person: probability {_percent(row['probability'])}.{gone}</p>"
            f"<p>How found: the model {_e(row['model'])} compared what both records state, {_e(_when(row['found_at']))}:</p>"
            f"<ul>{reasons}</ul></article>"
        )
    yield from _none_or_more(kept["matches.jsonl"], "matches.jsonl", "The program suggested no match.")
    yield "<h3>Connections to other cases</h3>"
    for row in kept["connections.jsonl"].rows:
        steps = "".join(f"<li>{_e(step)}</li>" for step in row["steps"])
        yield (
            f"<article><p><b>{_e(row['other_case'])}</b>: {_e(row['sentence'])}</p><p>How found: the model {_e(row['model'])} "
            f"followed these steps, probability {_percent(row['probability'])}, {_e(_when(row['found_at']))}:</p>"
            f"<ul>{steps}</ul></article>"
        )
    yield from _none_or_more(kept["connections.jsonl"], "connections.jsonl", "No connection is in this package.")
    yield "<h3>Records</h3>"
    rows = [(row["label"], row["kind"], row["where"], row["reader"]) for row in kept["records.jsonl"].rows]
    yield from _table(("What", "Kind", "Where it stands", "Read by"), rows)
    yield from _more(kept["records.jsonl"], "records.jsonl")


def _not_read(kept: dict[str, _Kept]) -> Iterator[str]:
    yield "<h2>What was not read</h2>"
    rows = [(row["exhibit"], row["where"], row["sentence"]) for row in kept["reading-report.jsonl"].rows]
    if rows:
        yield from _table(("Exhibit", "Where", "Why"), rows)
    yield from _none_or_more(kept["reading-report.jsonl"], "reading-report.jsonl", "Everything was read.")
    guesses = kept["guesses"]
    if guesses.rows:
        yield "<h3>Read with a guess</h3>"
        yield from _table(
            ("Exhibit", "Where", "What was guessed"),
            [(row["exhibit"], row["where"], row["sentence"]) for row in guesses.rows],
        )
        yield from _more(guesses, "reading-report.jsonl")


def _timeline(kept: dict[str, _Kept]) -> Iterator[str]:
    yield "<h2>Timeline of acts</h2><p>What was done to the case and its exhibits; looks stand in log/acts.jsonl alone.</p>"
    rows = [(str(row["at"]), row["who"], row["sentence"]) for row in kept["log/acts.jsonl"].rows]
    rows += [
        (str(entry["at"]), entry["officer"], f"{row['reference']}: {entry['sentence']}")
        for row in kept["exhibits.jsonl"].rows
        for entry in row["custody"][:MOST_SHOWN]
    ]
    yield from _table(
        ("When", "Who", "What"), [(_when(at), who, what) for at, who, what in sorted(rows)[: 2 * MOST_SHOWN]]
    )
    yield from _more(kept["log/acts.jsonl"], "log/acts.jsonl")


def _notes(kept: _Kept) -> Iterator[str]:
    if not kept.rows:
        return
    yield "<h2>Notes</h2>"
    for row in kept.rows:
        gone = " (withdrawn)" if row.get("withdrawn_at") else ""
        yield f"<article><p>{_e(row['text'])}</p><p>{_e(row['author'])}, {_e(_when(row['at']))}{gone}</p></article>"
    yield from _more(kept, "notes.jsonl")


def _left_out(left_out: list[Row]) -> Iterator[str]:
    yield "<h2>What is not in this package</h2>"
    if not left_out:
        yield "<p>Nothing of the case was left out.</p>"
        return
    yield from _table(("What", "How many", "Why"), [(row["what"], row["count"], row["why"]) for row in left_out])


def _how_to_verify() -> Iterator[str]:
    yield (
        "<h2>How to verify this package</h2><p>Every file is named in manifest.json with its SHA-256, and manifest.json is signed "
        "(Ed25519). With Python 3.8 or newer, without network: <code>python3 verify.py PACKAGE.zip</code>, or with the unpacked "
        "folder in its place. It names the first file that is not as it was signed. Ask the sender by another way for the id of "
        "their key and compare it. With OpenSSL 3 alone: <code>openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in "
        "manifest.json -sigfile manifest.sig</code></p><p>Lines of log/acts.jsonl that say withheld stand in the log and are not "
        "shown, for they are about other cases or agencies: their place is proven by their hash.</p>\n"
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr>' + "".join(f'<th scope="col">{_e(head)}</th>' for head in heads)
    yield "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{_e(cell)}</td>" for cell in row) + "</tr>\n"
    yield "</tbody></table></div>"


def _more(kept: _Kept, name: str) -> Iterator[str]:
    if kept.total > len(kept.rows):
        yield f'<p class="quiet">And {kept.total - len(kept.rows)} more in {_e(name)}.</p>'


def _none_or_more(kept: _Kept, name: str, sentence: str) -> Iterator[str]:
    if not kept.total:
        yield f'<p class="quiet">{_e(sentence)}</p>'
    yield from _more(kept, name)


def _when(at: object) -> str:
    """An instant as ``2026-01-02 03:04 UTC``; what is no instant stays as it is."""
    text = str(at or "")
    if len(text) < 16 or text[10] != "T":
        return text
    return f"{text[:10]} {text[11:16]}" + (" UTC" if text.endswith(("Z", "+00:00")) else "")


def _percent(probability: float) -> str:
    """Never more than 99 % and never less than 1 %: a model is not certain."""
    return f"{min(99, max(1, round(probability * 100)))} %"
