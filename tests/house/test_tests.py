"""Tests are held to the same standard: each says a sentence, asks something, and takes nothing of ours away."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.repository import named, nothing, short

ASKING = ("assert", "raises", "nothing", "expect", "until", "fail", "warns", "check", "wait_for")


def _tests() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, ast.Module]]:
    for path in named(".py", under="tests"):
        if path.name.startswith("test_"):
            tree = ast.parse(path.read_text())
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    yield short(path), node, tree


def _asks(node: ast.AST, tree: ast.Module, depth: int = 3) -> bool:
    """Whether the function asserts something, itself or through functions of its module."""
    own = {part.name: part for part in ast.walk(tree) if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)}
    for part in ast.walk(node):
        if isinstance(part, ast.Assert | ast.Raise):
            return True
        if isinstance(part, ast.Call):
            called = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
            if any(word in called for word in ASKING):
                return True
            if depth and called in own and own[called] is not node and _asks(own[called], tree, depth - 1):
                return True
    return False


def test_every_test_asks_something() -> None:
    nothing(f"{path}: {node.name}" for path, node, tree in _tests() if not _asks(node, tree))


def test_every_test_is_named_by_a_sentence() -> None:
    """At least three words after ``test_``: who reads the report learns what holds."""
    nothing(f"{path}: {node.name}" for path, node, _ in _tests() if node.name.count("_") < 3)


def test_no_test_replaces_a_part_of_ours_by_a_mock() -> None:
    mocks = ("unittest" + ".mock", "from mock" + " import", "Magic" + "Mock", "mocker" + ".patch")
    nothing(
        f"{short(path)}: {mock}" for path in named(".py", under="tests") for mock in mocks if mock in path.read_text()
    )
