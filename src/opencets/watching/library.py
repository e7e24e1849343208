"""Phrase libraries: a folder of YAML files with one name and version, or a single file.

``library.yaml`` in a folder says name, version and source; every other file holds the phrases of a language or a theme. What a file
says and the reader does not know is refused with file and line: a misspelt key would otherwise change silently who is alerted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from opencets.errors import DamagedSource, LimitReached, NotThisFormat, SourceRefused
from opencets.watching.folding import runs_of
from opencets.watching.patterns import WIDEST, compile_pattern

FORMAT = "opencets phrases 1"
HEAD = "library.yaml"
MOST_ENTRIES = 100_000
MOST_BYTES = 16 * 1024 * 1024
MOST_FILES = 1_000
LONGEST = 200
LEAST_LETTERS = 2
NAMED = 100
DIRECTIONS = ("typed", "shown", "clipboard", "file")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Context:
    """Something about the place of a hit that raises or lowers its severity, or silences it. All that it names must hold."""

    name: str
    sentence: str
    by: int = 0
    silences: bool = False
    words: tuple[str, ...] = ()
    """Any of these stands within ``within`` characters of the hit."""
    within: int = 200
    directions: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    """Kinds of address, as the caller names them, such as news or chat."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """An entry: words that are looked for, or a pattern near an anchor."""

    phrase: str
    severity: int
    language: str
    theme: str
    source: str
    contexts: tuple[str, ...] = ()
    hits_per_mb: float | None = None
    """Measured on innocent text (``opencets phrases check --sample``); None: never measured."""
    pattern: str = ""
    """A regular expression, looked for within ``window`` characters of ``phrase``."""
    window: int = 200

    @property
    def key(self) -> str:
        """What an officer reads, and what reviews count by: the phrase, or the pattern after its anchor."""
        return f"{self.phrase} ~ {self.pattern}" if self.pattern else self.phrase


@dataclass(frozen=True)
class Library:
    """A version of a library. Equal contents have equal digests, however the files are laid out."""

    name: str
    version: int
    sentence: str
    source: str
    phrases: tuple[Phrase, ...]
    contexts: Mapping[str, Context] = field(default_factory=dict)

    @classmethod
    def open(cls, path: str | Path) -> Library:
        """The library in a folder or a file; ``SourceRefused`` names file and line of what cannot be taken."""
        return _open(Path(path))

    @classmethod
    def from_bytes(cls, body: bytes) -> Library:
        """What ``bytes_of`` made; anything else is refused."""
        return _from_bytes(body)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of ``bytes_of`` the library, as hexadecimal digits."""
        return hashlib.sha256(bytes_of(self)).hexdigest()

    @cached_property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted({phrase.language for phrase in self.phrases}))


def bytes_of(library: Library) -> bytes:
    """The library as one text of JSON, the same for the same contents: what is handed to agents, and what is digested."""
    said = {
        "format": FORMAT, "name": library.name, "version": library.version, "sentence": library.sentence,
        "source": library.source,
        "contexts": {name: _plain(context) for name, context in sorted(library.contexts.items())},
        "phrases": [_plain(phrase) for phrase in sorted(library.phrases, key=_order)],
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _order(phrase: Phrase) -> tuple[str, str]:
    return (phrase.language, phrase.key)


def _plain(said: Any) -> dict[str, Any]:
    return {each.name: getattr(said, each.name) for each in fields(said)}


def _from_bytes(body: bytes) -> Library:
    if len(body) > MOST_BYTES:
        raise LimitReached(f"The library is {len(body):,} bytes long, more than {MOST_BYTES:,}.")
    try:
        said = json.loads(body)
        if said.pop("format") != FORMAT:
            raise NotThisFormat(f"The bytes are no phrase library of the form “{FORMAT}”.")
        contexts = {
            name: Context(**{key: _tuple(value) for key, value in context.items()})
            for name, context in said.pop("contexts").items()
        }
        phrases = tuple(
            Phrase(**{key: _tuple(value) for key, value in phrase.items()}) for phrase in said.pop("phrases")
        )
        library = Library(**said, phrases=phrases, contexts=contexts)
        whole = bytes_of(library) == body
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as reason:
        raise DamagedSource(f"The bytes are no phrase library: {type(reason).__name__}: {reason}.") from None
    if not whole:
        raise DamagedSource("The library is not written as this version writes it; it was changed on its way.")
    for phrase in phrases:
        if phrase.pattern:
            compile_pattern(phrase.pattern)
    return library


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


# --- Reading YAML ----------------------------------------------------------------------------------------------------

_HEAD_KEYS = {"format", "name", "version", "sentence", "source"}
_THEME_KEYS = {"language", "theme", "severity", "source", "contexts", "apply", "phrases", "patterns"}
_CONTEXT_KEYS = {"sentence", "by", "silences", "words", "within", "direction", "programs", "categories"}
_PHRASE_KEYS = {"phrase", "severity", "language", "theme", "source", "contexts", "hits_per_mb"}
_PATTERN_KEYS = {"pattern", "near", "window", *_PHRASE_KEYS} - {"phrase"}


def _open(path: Path) -> Library:
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.suffix in {".yaml", ".yml"} and each.is_file())
        head = path / HEAD
        if head not in files:
            raise NotThisFormat(f"{path} is no phrase library: it has no {HEAD}, which says its name and version.")
        if len(files) > MOST_FILES:
            raise LimitReached(f"{path} has {len(files):,} files, more than {MOST_FILES:,}.")
    elif path.is_file():
        head, files = path, [path]
    else:
        raise SourceRefused(f"There is no phrase library at {path}.")
    one = _File(head)
    top = one.mapping(one.root, _HEAD_KEYS | _THEME_KEYS)
    if one.text(one.need(one.root, top, "format")) != FORMAT:
        raise NotThisFormat(f"{one.at(top['format'])}: the format is not “{FORMAT}”.")
    name = one.text(one.need(one.root, top, "name"))
    version = one.whole(one.need(one.root, top, "version"), 1, 10**9)
    sentence = one.text(one.need(one.root, top, "sentence"))
    source = one.text(one.need(one.root, top, "source"))
    contexts: dict[str, Context] = {}
    phrases: list[Phrase] = []
    seen: dict[tuple[str, str], str] = {}
    for file in files:
        each = one if file == head else _File(file)
        if each is one and "language" not in top:
            continue
        for phrase, where in _theme(each, _HEAD_KEYS if each is one else set(), source, contexts):
            before = seen.get((phrase.language, phrase.key))
            if before:
                raise SourceRefused(f"{where}: “{phrase.key}” stands already at {before}.")
            seen[phrase.language, phrase.key] = where
            phrases.append(phrase)
            if len(phrases) > MOST_ENTRIES:
                raise LimitReached(f"{path} has more than {MOST_ENTRIES:,} phrases.")
    if not phrases:
        raise SourceRefused(f"{path} holds no phrase.")
    phrases.sort(key=_order)
    return Library(name, version, sentence, source, tuple(phrases), dict(sorted(contexts.items())))


def _theme(file: _File, more: set[str], source: str, contexts: dict[str, Context]) -> Iterator[tuple[Phrase, str]]:
    """The phrases of a file with their places; its contexts join those of the library."""
    top = file.mapping(file.root, _THEME_KEYS | more)
    own: set[str] = set()
    for name_node, node in file.pairs(top.get("contexts")):
        name = file.text(name_node)
        if name in contexts:
            raise SourceRefused(f"{file.at(name_node)}: the context “{name}” stands in two files of the library.")
        contexts[name] = _context(file, name, node)
        own.add(name)
    usual = _Usual(
        file.text(file.need(file.root, top, "language")),
        file.text(file.need(file.root, top, "theme")),
        file.whole(file.need(file.root, top, "severity"), 1, 5),
        file.text(top["source"]) if "source" in top else source,
        _names(file, top.get("apply"), own),
    )
    for node in file.sequence(top.get("phrases")):
        yield _phrase(file, node, usual, own), file.at(node)
    for node in file.sequence(top.get("patterns")):
        yield _pattern(file, node, usual, own), file.at(node)


@dataclass(frozen=True, slots=True)
class _Usual:
    """What an entry of a file is when it does not say otherwise."""

    language: str
    theme: str
    severity: int
    source: str
    contexts: tuple[str, ...]


def _context(file: _File, name: str, node: yaml.Node) -> Context:
    said = file.mapping(node, _CONTEXT_KEYS)
    context = Context(
        name,
        file.text(file.need(node, said, "sentence")),
        file.whole(said["by"], -4, 4) if "by" in said else 0,
        file.switch(said["silences"]) if "silences" in said else False,
        file.texts(said.get("words")),
        file.whole(said["within"], 1, 2_000) if "within" in said else 200,
        file.texts(said.get("direction")),
        file.texts(said.get("programs")),
        file.texts(said.get("categories")),
    )
    if bool(context.by) == context.silences:
        raise SourceRefused(
            f"{file.at(node)}: the context “{name}” needs either by (-4 to 4, not 0) or silences: true."
        )
    if not (context.words or context.directions or context.programs or context.categories):
        raise SourceRefused(f"{file.at(node)}: the context “{name}” names no words, direction, programs or categories.")
    for direction in context.directions:
        if direction not in DIRECTIONS:
            raise SourceRefused(
                f"{file.at(said['direction'])}: “{direction}” is no direction; there are {', '.join(DIRECTIONS)}."
            )
    for word in context.words:
        if not runs_of(word):
            raise SourceRefused(f"{file.at(said['words'])}: “{word}” has no letters.")
    return context


def _names(file: _File, node: yaml.Node | None, own: set[str]) -> tuple[str, ...]:
    names = file.texts(node)
    for name in names:
        if name not in own:
            raise SourceRefused(f"{file.at(node)}: there is no context “{name}” in this file.")
    return names


def _phrase(file: _File, node: yaml.Node, usual: _Usual, own: set[str]) -> Phrase:
    if isinstance(node, yaml.ScalarNode):
        words, said = file.text(node), {}
    else:
        said = file.mapping(node, _PHRASE_KEYS)
        words = file.text(file.need(node, said, "phrase"))
    return _entry(file, node, said, usual, own, words)


def _pattern(file: _File, node: yaml.Node, usual: _Usual, own: set[str]) -> Phrase:
    said = file.mapping(node, _PATTERN_KEYS)
    pattern = file.text(file.need(node, said, "pattern"))
    try:
        compile_pattern(pattern)
    except ValueError as reason:
        raise SourceRefused(f"{file.at(said['pattern'])}: {reason}: {pattern}") from None
    window = file.whole(said["window"], 1, WIDEST) if "window" in said else 200
    return _entry(file, node, said, usual, own, file.text(file.need(node, said, "near")), pattern, window)


def _entry(
    file: _File, node: yaml.Node, said: Mapping[str, yaml.Node], usual: _Usual, own: set[str],
    words: str, pattern: str = "", window: int = 200,
) -> Phrase:  # fmt: skip
    if len(words) > LONGEST:
        raise SourceRefused(f"{file.at(node)}: the phrase is {len(words)} characters long, more than {LONGEST}.")
    if sum(run.size for run in runs_of(words)) < LEAST_LETTERS:
        raise SourceRefused(f"{file.at(node)}: “{words}” has fewer than {LEAST_LETTERS} letters.")
    return Phrase(
        words,
        file.whole(said["severity"], 1, 5) if "severity" in said else usual.severity,
        file.text(said["language"]) if "language" in said else usual.language,
        file.text(said["theme"]) if "theme" in said else usual.theme,
        file.text(said["source"]) if "source" in said else usual.source,
        tuple(dict.fromkeys([*usual.contexts, *_names(file, said.get("contexts"), own)])),
        file.number(said["hits_per_mb"]) if "hits_per_mb" in said else None,
        pattern,
        window,
    )


class _File:
    """A YAML file as nodes, each with its line. Anchors are refused: a few lines of them unfold without end."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        if path.stat().st_size > MOST_BYTES:
            raise LimitReached(f"{path} is {path.stat().st_size:,} bytes long, more than {MOST_BYTES:,}.")
        try:
            body = path.read_text("utf-8-sig")
        except UnicodeDecodeError as reason:
            raise DamagedSource(f"{path} is not written in UTF-8: byte {reason.start:,} cannot be read.") from None
        try:
            for event in yaml.parse(body, _LOADER):
                if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                    raise SourceRefused(f"{self.at(event)}: anchors (& and *) are not read; write it out.")
            root = yaml.compose(body, _LOADER)
        except yaml.YAMLError as reason:
            mark = getattr(reason, "problem_mark", None)
            line = f"{mark.line + 1}" if mark else "?"
            raise DamagedSource(f"{self.name}:{line}: it is no YAML: {getattr(reason, 'problem', reason)}.") from None
        except RecursionError:
            raise LimitReached(f"{self.name}: it is nested too deeply.") from None
        if root is None:
            raise NotThisFormat(f"{path} is empty.")
        self.root: yaml.Node = root

    def at(self, node: Any) -> str:
        return f"{self.name}:{node.start_mark.line + 1}"

    def pairs(self, node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
        if node is None:
            return []
        if not isinstance(node, yaml.MappingNode):
            raise SourceRefused(f"{self.at(node)}: keys with values are expected here.")
        return list(node.value)

    def mapping(self, node: yaml.Node, known: set[str]) -> dict[str, yaml.Node]:
        """The values by key; a key that is unknown or stands twice is refused."""
        found: dict[str, yaml.Node] = {}
        for key_node, value in self.pairs(node):
            key = self.text(key_node)
            if key not in known:
                raise SourceRefused(
                    f"{self.at(key_node)}: “{key[:NAMED]}” is not known here; known are {', '.join(sorted(known))}."
                )
            if key in found:
                raise SourceRefused(f"{self.at(key_node)}: “{key}” stands twice.")
            found[key] = value
        return found

    def need(self, node: yaml.Node, said: Mapping[str, yaml.Node], key: str) -> yaml.Node:
        if key not in said:
            raise SourceRefused(f"{self.at(node)}: {key} is missing.")
        return said[key]

    def sequence(self, node: yaml.Node | None) -> Sequence[yaml.Node]:
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            raise SourceRefused(f"{self.at(node)}: a list is expected here.")
        return list(node.value)

    def texts(self, node: yaml.Node | None) -> tuple[str, ...]:
        if isinstance(node, yaml.ScalarNode):
            return (self.text(node),)
        return tuple(self.text(each) for each in self.sequence(node))

    def text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise SourceRefused(f"{self.at(node)}: a text is expected here.")
        if not node.style and node.tag in {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:null"}:
            raise SourceRefused(f"{self.at(node)}: “{node.value}” is read by YAML as no text; write it in quotes.")
        text = str(node.value).strip()
        if not text:
            raise SourceRefused(f"{self.at(node)}: the text is empty.")
        return text

    def whole(self, node: yaml.Node, least: int, most: int) -> int:
        return int(self._number(node, int, least, most))

    def number(self, node: yaml.Node) -> float:
        return float(self._number(node, float, 0, 10**9))

    def _number(self, node: yaml.Node, kind: Callable[[str], Any], least: int, most: int) -> Any:
        try:
            value = kind(node.value if isinstance(node, yaml.ScalarNode) else "")
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise SourceRefused(f"{self.at(node)}: a number from {least} to {most} is expected here.")
        return value

    def switch(self, node: yaml.Node) -> bool:
        if not isinstance(node, yaml.ScalarNode) or node.value not in {"true", "false"}:
            raise SourceRefused(f"{self.at(node)}: true or false is expected here.")
        return bool(node.value == "true")
