"""Writes the reference pages that come from the program itself: commands, vocabulary, audit verbs, settings, API.

``python docs/generate.py`` writes them; ``tests/house/test_commands_documented.py`` holds them against the program.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
REFERENCE = ROOT / "docs" / "reference"
MADE = "<!-- Written by docs/generate.py from {source}: change it there. -->\n\n"


def pages() -> dict[str, str]:
    """File name to text of every generated page."""
    return {
        "commands.md": _commands(),
        "vocabulary.md": _vocabulary(),
        "../explanation/identifiers-and-generic-values.md": _identifiers(),
        "../explanation/what-an-agent-takes.md": _collectors(),
        "standards.md": _standards(),
        "audit-verbs.md": _verbs(),
        "settings.md": _settings(),
        "api.md": _api(),
    }


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that call it, groups before their own commands."""
    from opencets.cli.main import main

    def walk(path: str, group: click.Group) -> Iterator[tuple[str, click.Command]]:
        with click.Context(group, info_name=path) as context:
            for name in group.list_commands(context):
                command = group.get_command(context, name)
                if command is None or command.hidden:
                    continue
                yield f"{path} {name}", command
                if isinstance(command, click.Group):
                    yield from walk(f"{path} {name}", command)

    yield from walk("opencets", main)


def _commands() -> str:
    text = [
        "# Commands\n\n" + MADE.format(source="the commands"),
        "Each command says the same with `--help`. Exit codes: 0 done, 1 done with something left out, 2 refused.\n",
    ]
    for path, command in commands():
        with click.Context(command, info_name=path) as context:
            usage = " ".join(command.collect_usage_pieces(context))
        text.append(f"\n## {path}\n\n```\n{path} {usage}\n```\n")
        text.append(f"\n{_paragraphs(command.help or '')}\n")
        rows = [_option(option) for option in command.params if isinstance(option, click.Option) and not option.hidden]
        if rows:
            text.append("\n| option | meaning | default |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "".join(text)


def _paragraphs(help_text: str) -> str:
    import inspect

    paragraphs = inspect.cleandoc(help_text.replace("\b", "")).split("\n\n")
    return "\n\n".join(" ".join(line.strip() for line in paragraph.splitlines()) for paragraph in paragraphs)


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    given = option.default
    if option.is_flag or given is None or callable(given) or "UNSET" in repr(given):
        given = ""
    default = ", ".join(map(str, given)) if isinstance(given, tuple | list) else str(given)
    required = " (required)" if option.required else ""
    return f"| {names} | {_cell(option.help or '')}{required} | {f'`{_cell(default)}`' if default else ''} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _vocabulary() -> str:
    from opencets.records.vocabulary import KINDS, PROPERTIES, RECORDS

    links = {"strong": "links records", "weak": "only together with others", "none": "describes only"}
    text = [
        "# Vocabulary\n\n" + MADE.format(source="src/opencets/records/vocabulary/*.yaml"),
        "A record is of one kind and makes claims; a claim is one property with one value; a value is of one kind.\n",
        "\n## Kinds of record\n\n| kind | name | meaning |\n|---|---|---|\n",
        *(f"| `{name}` | {kind.label} | {_cell(kind.sentence)} |\n" for name, kind in RECORDS.items()),
        "\n## Kinds of value\n\n| kind | name | meaning | use |\n|---|---|---|---|\n",
        *(
            f"| `{name}` | {kind.label} | {_cell(kind.sentence)} | {links[kind.links]} |\n"
            for name, kind in KINDS.items()
        ),
        "\n## Properties\n\n| property | name | kind of value | meaning |\n|---|---|---|---|\n",
        *(
            f"| `{name}` | {entry.label} | `{entry.kind}` | {_cell(entry.sentence)} |\n"
            for name, entry in PROPERTIES.items()
        ),
    ]
    return "".join(text)


def _collectors() -> str:
    """The explanation page as it stands, with the declarations of the agent's collectors between its two marks written anew."""
    from opencets_agent.collectors import DECLARATIONS

    page = (ROOT / "docs" / "explanation" / "what-an-agent-takes.md").read_text("utf-8")
    mark = "<!-- collectors: written by docs/generate.py from src/opencets_agent/collectors -->\n"
    before, begin, rest = page.partition(mark)
    _, end, after = rest.partition("<!-- end of collectors -->")
    told = [
        f"\n### {one.name}: {one.label['en']}\n\n{one.takes}\n\n**Never:** {one.never}\n\n| | |\n|---|---|\n"
        f"| on Linux by | {one.library} |\n| works on | {one.systems} |\n"
        f"| sibling on Windows, not built | {one.windows} |\n| sibling on macOS, not built | {one.macos} |\n"
        for one in DECLARATIONS.values()
    ]
    return f"{before}{begin}{''.join(told)}\n{end}{after}"


def _identifiers() -> str:
    """The explanation page as it stands, with the table of kinds between its two marks written anew."""
    from opencets.linking import default_rarity
    from opencets.records.vocabulary import KINDS

    page = (ROOT / "docs" / "explanation" / "identifiers-and-generic-values.md").read_text("utf-8")
    before, begin, rest = page.partition(
        "<!-- kinds: written by docs/generate.py from records/vocabulary and linking/rarity.yaml -->\n"
    )
    _, end, after = rest.partition("<!-- end of kinds -->")
    rows = [
        "| kind | shared by two cases alone | by five | generic beyond | when it stops saying who |\n|---|---|---|---|---|\n"
    ]
    rarity = default_rarity()
    for name, kind in KINDS.items():
        if kind.links == "none":
            continue
        worth = (
            (
                f"{rarity.probability(name, 2):.2f}",
                f"{rarity.probability(name, 5):.2f}",
                f"{rarity.worths[name].cap} cases",
            )
            if kind.links == "strong"
            else ("with others only", "", "")
        )
        rows.append(f"| {' | '.join((kind.label, *worth, _cell(kind.stops)))} |\n")
    return f"{before}{begin}{''.join(rows)}{end}{after}"


def _standards() -> str:
    from opencets_web.standards.vocabulary import CALENDARS, EVIDENCE, HERE, RUNS_FROM, read

    known = read(HERE)
    text = [
        "# Checklists and action clocks\n\n" + MADE.format(source="src/opencets_web/standards/checklists and clocks"),
        "Each is versioned data with its source. An agency adds its own files, or a next version, in the folder `standards` of\n",
        "the node's home ([how](../how-to/write-a-checklist.md)); a case keeps the version that it began with.\n",
        "\nEvidence that a step asks for:\n\n| word | meaning |\n|---|---|\n",
        *(f"| `{word}` | {sentence} |\n" for word, sentence in EVIDENCE.items()),
    ]
    for entry in known.checklists:
        text.append(f"\n## {entry.title} (`{entry.key}`, version {entry.version})\n\n")
        text.append(
            f"For {', '.join(entry.kinds)}; {_where(entry.jurisdiction)}; from {entry.valid_from}. Source: {entry.source}\n\n"
        )
        text.append("| step | why | done when | required | evidence | due |\n|---|---|---|---|---|---|\n")
        for step in entry.steps:
            cells = (
                step.title,
                step.why,
                step.done_when,
                "yes" if step.required else "no",
                step.evidence,
                str(step.due or ""),
            )
            text.append("| " + " | ".join(_cell(cell) for cell in cells) + " |\n")
    for clocks in known.clocks:
        text.append(f"\n## {clocks.title} (`{clocks.key}`, version {clocks.version})\n\n")
        text.append(
            f"{clocks.acts}; {_where(clocks.jurisdiction)}; {CALENDARS[clocks.calendar]}. Source: {clocks.source}\n\n"
        )
        text.append(
            "| band | meaning | due | time runs | may pause | supervisors told after |\n|---|---|---|---|---|---|\n"
        )
        for band in clocks.bands:
            cells = (
                band.title, band.meaning, str(band.due), RUNS_FROM[band.runs_from], "yes" if band.may_pause else "no",
                f"{band.escalate_after} overdue",
            )  # fmt: skip
            text.append("| " + " | ".join(_cell(cell) for cell in cells) + " |\n")
    return "".join(text)


def _where(jurisdiction: str) -> str:
    return "anywhere" if jurisdiction == "*" else f"in {jurisdiction}"


def _verbs() -> str:
    from opencets_web.audit.verbs import VERBS

    return "".join(
        [
            "# Audit verbs\n\n" + MADE.format(source="src/opencets_web/audit/verbs.py"),
            "Each act in the log carries one of these verbs, read as what an officer did. An act without a verb here\n",
            "cannot be logged, and an act that is not logged does not happen: both stand in one transaction.\n\n",
            "| verb | sentence |\n|---|---|\n",
            *(f"| `{verb}` | {_cell(sentence)} |\n" for verb, sentence in sorted(VERBS.items())),
        ]
    )


def _settings() -> str:
    source = ROOT / "src" / "opencets_web" / "config" / "settings.py"
    docstring = ast.get_docstring(ast.parse(source.read_text())) or ""
    table = [line for line in docstring.splitlines() if line.startswith("|")]
    rows = [f"| `{row.strip('| ').split(' | ', 1)[0]}` | {row.strip('| ').split(' | ', 1)[1]} |" for row in table[2:]]
    return "".join(
        [
            "# Settings\n\n" + MADE.format(source="the head of src/opencets_web/config/settings.py"),
            "Everything that differs between machines comes from the environment of the process; there is no settings file.\n\n",
            "\n".join([*table[:2], *rows]),
            "\n\nFor the embedded server: `PG_BIN` names a folder with PostgreSQL's programs to use instead of those of the "
            "package, and `OPENCETS_DATABASE_ACCOUNT` the account that the server runs under when OpenCETS is started as root.\n",
            "For blobs: `OPENCETS_ROOT_KEY` is `file` (the default) or `program:/path`, see"
            " [keep and exchange keys](../how-to/keep-and-exchange-keys.md).\n"
            "For commands: `OPENCETS_OFFICER` is the e-mail address of the officer who acts, where `--as` is not given.\n",
        ]
    )


def _api() -> str:
    if "DJANGO_SETTINGS_MODULE" not in os.environ:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "opencets_web.config.settings", "OPENCETS_WITHOUT_DATABASE": "1"}
        os.environ.setdefault("OPENCETS_HOME", str(ROOT / "build" / "docs-home"))
    import django

    django.setup()
    from opencets_web.desk.api import api

    operations = [
        f"| `{method.upper()} {path}` | {_cell(operation.get('description', operation.get('summary', '')))} |\n"
        for path, methods in api.get_openapi_schema(path_prefix="/api/v1/")["paths"].items()
        for method, operation in methods.items()
    ]
    return "".join(
        [
            "# The API\n\n" + MADE.format(source="src/opencets_web/desk/api.py"),
            _paragraphs(api.description),
            "\n\nThe whole contract, OpenAPI 3.1, is served at `/api/v1/openapi.json` to whoever is signed in.\n\n",
            "| call | gives |\n|---|---|\n",
            *operations,
        ]
    )


if __name__ == "__main__":
    for name, page in pages().items():
        (REFERENCE / name).write_text(page)
