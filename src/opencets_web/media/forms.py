"""What a person fills in about media."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings

from opencets.errors import ActRefused
from opencets_web.media.queries import NARROWINGS, SORTS, VALUED, Gallery, Wanted

LARGEST_UPLOAD = 200 * 1024 * 1024


def _having() -> list[tuple[str, str]]:
    """What media may have: of their own, and what rooms above know of them."""
    own = [
        ("", "Anything"),
        ("position", "A position"),
        ("serial", "A camera serial"),
        ("near", "Near-duplicates"),
    ]
    return own + [(word, label) for word, (label, _) in NARROWINGS.items()]


def _known_value(name: str, value: str) -> str:
    """The value of a filter that a room above brings; empty where that room does not know it."""
    return value if value and name in VALUED and VALUED[name][0](value) else ""


class GalleryForm(forms.Form):
    """The filters of a gallery."""

    q = forms.CharField(
        required=False,
        label="Words",
        widget=forms.TextInput(attrs={"placeholder": "File name, digest, words on it", "type": "search"}),
    )
    kind = forms.ChoiceField(
        required=False, label="Kind", choices=[("", "Pictures and videos"), ("image", "Pictures"), ("video", "Videos")]
    )
    exhibit = forms.ChoiceField(required=False, label="Exhibit")
    sort = forms.ChoiceField(
        required=False,
        label="Order",
        choices=[
            ("newest", "Newest first"),
            ("oldest", "Oldest first"),
            ("folder", "Folder and name"),
            ("taken", "Time taken"),
            ("largest", "Largest file"),
            ("camera", "Camera"),
        ],
    )
    known = forms.ChoiceField(
        required=False,
        label="Known files",
        choices=[("hidden", "Hidden"), ("hashes", "Listed, not shown"), ("only", "Only known files")],
    )
    having = forms.ChoiceField(
        required=False,
        label="Having",
        choices=_having,
    )
    group = forms.CharField(required=False, widget=forms.HiddenInput)
    camera = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    set = forms.CharField(required=False, widget=forms.HiddenInput)
    grade = forms.CharField(required=False, widget=forms.HiddenInput)

    def fit(self, found: Gallery) -> None:
        """Take the exhibits of the case as choices, and leave out what has nothing to choose from."""
        exhibits = found.exhibits
        if found.totals is not None and not found.totals.known:
            del self.fields["known"]
        if not exhibits:
            del self.fields["exhibit"]
            return
        field = self.fields["exhibit"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "All exhibits"), *((reference, label[:40]) for reference, label in exhibits)]

    def wanted(self) -> Wanted:
        """The filters as ``queries`` take them; an unusable one counts as none."""
        given = {name: self.data.get(name, "") for name in ("exhibit", "group", "camera", "set", "grade")}
        self.is_valid()
        clean: dict[str, Any] = self.cleaned_data
        return Wanted(
            words=str(clean.get("q", ""))[:200],
            kind=str(clean.get("kind", "")),
            exhibit=str(given["exhibit"])[:20],
            sort=str(clean.get("sort")) if clean.get("sort") in SORTS else "newest",
            known=clean.get("known") or "hidden",
            having=str(clean.get("having", "")),
            group=str(given["group"])[:36],
            camera=str(given["camera"])[:200],
            hash_set=str(given["set"])[:36],
            grade=_known_value("grade", str(given["grade"])[:60]),
        )


class MaskForm(forms.Form):
    """A rectangle over a picture, in thousandths of its sides."""

    left = forms.IntegerField(min_value=0, max_value=1000)
    top = forms.IntegerField(min_value=0, max_value=1000)
    width = forms.IntegerField(min_value=1, max_value=1000)
    height = forms.IntegerField(min_value=1, max_value=1000)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> dict[str, int]:
        """The four numbers; ActRefused where one is none."""
        form = cls(given)
        if not form.is_valid():
            raise ActRefused(
                "A mask is four whole numbers, left, top, width and height, in thousandths of the picture."
            )
        return dict(form.cleaned_data)


def inbox() -> Path:
    """Where an administrator puts lists too large for a browser: ``inbox`` in the home, and nowhere else."""
    return Path(settings.HOME) / "inbox"


def _waiting_files() -> list[tuple[str, str]]:
    if not inbox().is_dir():
        return []
    return [
        (entry.name, entry.name) for entry in sorted(inbox().iterdir()) if entry.is_file() and not entry.is_symlink()
    ][:200]


class HashSetForm(forms.Form):
    """Handing in a list of known files."""

    file = forms.FileField(
        required=False,
        label="File",
        help_text="VICS JSON, CSV with digest columns, or one digest a line; also inside a ZIP. Up to 200 MB.",
    )
    inbox = forms.ChoiceField(required=False, label="Or a file in this machine's inbox", help_text="For larger lists.")
    name = forms.CharField(max_length=200, help_text="As colleagues know it, for example Project VIC 2026-03.")
    source = forms.CharField(max_length=200, help_text="Who gave it to you.")
    authority = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Authority",
        help_text="The legal basis on which your agency uses it.",
    )
    version = forms.CharField(max_length=60, required=False)
    supersedes = forms.ChoiceField(
        required=False,
        label="It takes the place of",
        help_text="An older version is withdrawn once this one is read; its page says what changed.",
    )
    negative = forms.BooleanField(
        required=False,
        label="A negative list",
        help_text="Files that are harmless or falsely listed: what it names is never marked as known.",
    )
    scheme = forms.CharField(
        max_length=20,
        required=False,
        label="Category scheme",
        help_text="Where the file does not name one, for example UK or US.",
    )
    algorithm = forms.ChoiceField(
        required=False,
        label="Bare lines of 64 digits are",
        choices=[("", "Decide by their bits, and say so"), ("sha256", "SHA-256"), ("pdq", "PDQ")],
    )

    def __init__(self, *args: Any, older: Iterable[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = self.fields["supersedes"]
        assert isinstance(versions, forms.ChoiceField)
        versions.choices = [("", "No other set"), *older]
        waiting = _waiting_files()
        if not waiting:
            del self.fields["inbox"]
            self.fields["file"].required = True
        else:
            field = self.fields["inbox"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", "None"), *waiting]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        given = cleaned.get("file")
        if given is not None and given.size > LARGEST_UPLOAD:
            self.add_error("file", "It is larger than 200 MB; put it into the inbox, or use the command line.")
        if not self.errors.get("file") and bool(given) == bool(cleaned.get("inbox")):
            self.add_error("file", "Choose one file.")
        return cleaned

    def given(self) -> dict[str, Any]:
        """As ``actions.import_hash_set`` takes it."""
        clean = self.cleaned_data
        waiting, upload = clean.get("inbox"), clean["file"]
        options = {name: clean[name].strip() for name in ("scheme", "algorithm") if clean[name].strip()}
        return {
            "given": inbox() / waiting if waiting else upload.file,
            "file_name": waiting or upload.name,
            "options": options,
            "negative": clean["negative"],
            "supersedes": UUID(clean["supersedes"]) if clean["supersedes"] else None,
            **{name: clean[name] for name in ("name", "source", "authority", "version")},
        }


class ReasonForm(forms.Form):
    """Why: asked for by every decision about an entry of a hash set."""

    reason = forms.CharField(max_length=2000, required=False, label="Reason", widget=forms.TextInput)
