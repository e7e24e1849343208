"""Comparing across all holdings happens in the files below and nowhere else."""

from __future__ import annotations

import ast

from tests.house.repository import ROOT, WEB, named, nothing, short

MAY_OPEN = {
    "src/opencets_web/cameras/matching.py": "Sensor noise is compared with every picture's; out come two-sided suggestions.",
    "src/opencets_web/deconfliction/comparing.py": "Declarations are compared with every agency's; out come one-sided conflicts.",
    "src/opencets_web/entities/learning.py": "Judgements of every agency teach one table; out come versions, and two-sided pairs.",
    "src/opencets_web/entities/matching.py": "Values are counted over the cases of every agency; out comes the generic mark.",
    "src/opencets_web/entities/placing.py": "People are compared with those of every agency; out come two-sided suggestions.",
    "src/opencets_web/leads/linking.py": "Cases are connected across agencies; out come connections, pointers and alerts.",
    "src/opencets_web/media/matching.py": "Pictures are compared with every other; out come two-sided near-duplicates.",
    "src/opencets_web/videos/footage.py": "Videos are compared with every near one; out comes two-sided shared footage.",
    "src/opencets_web/marks/searching.py": "Marked regions are sought in every picture; out come two-sided suggestions.",
    "src/opencets_web/texts/again.py": "What an earlier version read is to be read again; out come jobs of the officers it served.",
    "src/opencets_web/standards/overdue.py": "Clocks run for every case; out come notices under the same holding.",
    "src/opencets_web/standards/mailing.py": "Links are mailed for every case; out comes a mail without content.",
    "src/opencets_web/releases/carrying.py": "A released part is sealed anew for the agency it is for; out comes its own copy.",
    "src/opencets_web/push/sending.py": "Links are sent to browsers for every case; out comes a message without content.",
    "src/opencets_web/sightings/by_rule.py": "Silent sensors of all agencies are found; out comes a mark on the sensor's own row.",
    "src/opencets_web/supervision/by_rule.py": "Silent devices and days of all files are found; out come rows of the same file.",
    "src/opencets_web/sharing/carrying.py": "A request is laid before the agency that a pointer hides; out comes its copy.",
    "src/opencets_web/disclosure/proving.py": "The way from an act to the log's root passes others' hashes; out come hashes alone.",
}
"""File to reason. A new file here is a decision: it needs a record in docs/decisions/ and a second reader."""


def _imports_the_blind_door(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module == "opencets_web.policy.blind" or (
                module == "opencets_web.policy" and any(a.name == "blind" for a in node.names)
            ):
                return True
        if isinstance(node, ast.Import) and any(alias.name == "opencets_web.policy.blind" for alias in node.names):
            return True
    return False


def test_only_the_listed_files_open_the_blind_door() -> None:
    opening = {
        short(path) for path in named(".py", under="src") if _imports_the_blind_door(ast.parse(path.read_text()))
    } - {"src/opencets_web/policy/blind.py"}
    assert opening == set(MAY_OPEN)


def test_each_of_them_has_its_reason() -> None:
    nothing([name for name, reason in MAY_OPEN.items() if not reason.endswith(".") or len(reason) < 40])


def test_no_other_text_takes_on_the_blind_role() -> None:
    """The role is taken on in ``policy.blind``, and by the sealer, which writes seals and reads no content."""
    taking = {
        short(path)
        for path in named(".py", under="src/opencets_web")
        if "role opencets_blind" in path.read_text() and "set local role" in path.read_text()
    }
    nothing(taking - {short(WEB / "policy" / "blind.py"), short(WEB / "audit" / "sealer.py")})
    assert (ROOT / "src/opencets_web/policy/blind.py").exists()
