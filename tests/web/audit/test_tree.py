"""The tree of RFC 6962 against its worked example (section 2.1.3) and the vectors of the Certificate Transparency project."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencets_web.audit.tree import (
    AuditPaths,
    Frontier,
    consistency_proof,
    consistent,
    included,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
)

INPUTS = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LEAVES = [leaf_hash(bytes.fromhex(text)) for text in INPUTS]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert frontier.root().hex() == root_of(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert Frontier().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("place", "path"), INCLUSION.items())
def test_inclusion_proofs_are_those_of_certificate_transparency(place: tuple[int, int], path: list[str]) -> None:
    number, size = place
    assert [step.hex() for step in inclusion_proof(number, LEAVES[:size])] == path


@pytest.mark.parametrize(("sizes", "proof"), CONSISTENCY.items())
def test_consistency_proofs_are_those_of_certificate_transparency(sizes: tuple[int, int], proof: list[str]) -> None:
    assert [step.hex() for step in consistency_proof(sizes[0], LEAVES[: sizes[1]])] == proof


def test_the_worked_example_of_section_2_1_3() -> None:
    """Seven leaves d0 to d6; the nodes a to l, the paths and the proofs as the standard prints them."""
    d = [leaf_hash(f"d{number}".encode()) for number in range(7)]
    a, b, c, e_, f, j_ = d[0], d[1], d[2], d[4], d[5], d[6]
    d3 = d[3]
    g, h, i = node_hash(a, b), node_hash(c, d3), node_hash(e_, f)
    k, l_ = node_hash(g, h), node_hash(i, j_)
    assert root_of(d) == node_hash(k, l_)
    assert inclusion_proof(0, d) == [b, h, l_]
    assert inclusion_proof(3, d) == [c, g, l_]
    assert inclusion_proof(4, d) == [f, j_, k]
    assert inclusion_proof(6, d) == [i, k]
    assert consistency_proof(3, d) == [c, d3, g, l_]
    assert consistency_proof(4, d) == [l_]
    assert consistency_proof(6, d) == [i, j_, k]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.data())
def test_every_proof_holds_and_no_other_does(size: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    root, paths = root_of(leaves), AuditPaths(size, range(size))
    for leaf in leaves:
        paths.append(leaf)
    assert paths.root() == root
    number = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(number, leaves)
    assert paths.path(number) == proof
    assert included(number, size, leaves[number], proof, root)
    other = leaf_hash(b"other")
    assert not included(number, size, other, proof, root)
    assert not included(number, size, leaves[number], [*proof, other], root)
    assert not included(size, size, leaves[number], proof, root)
    if proof:
        spoilt = data.draw(st.integers(0, len(proof) - 1))
        wrong = [other if place == spoilt else step for place, step in enumerate(proof)]
        assert not included(number, size, leaves[number], wrong, root)
        assert not included(number, size, leaves[number], proof[:-1], root)

    first = data.draw(st.integers(1, size))
    old, steps = root_of(leaves[:first]), consistency_proof(first, leaves)
    assert consistent(first, size, old, root, steps)
    assert not consistent(first, size, other, root, steps)
    assert not consistent(first, size, old, other, steps)
    assert not consistent(first, size, old, root, [*steps, other])
    assert not consistent(0, size, old, root, steps)
    for place in range(len(steps)):
        assert not consistent(first, size, old, root, [*steps[:place], other, *steps[place + 1 :]])
