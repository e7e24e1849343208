"""Ids in little memory: the same texts, the order of texts, and who comes again."""

from __future__ import annotations

import random

import numpy as np
import pytest

from opencets.resolving.records import Clusters, RecordIds

WORDS = ["a", "ab", "b", "é", "ä-1", "名前", "\U0001f333", "z" * 30, "0001", "00010", "r" * 8, "r" * 9, "R" * 8]


def ids_of(texts: list[str]) -> RecordIds:
    ids = RecordIds()
    for text in texts:
        ids.append(text)
    return ids


@pytest.mark.parametrize("more", [[], ["long " + "x" * 70], ["with\0nought", "with"]])
def test_ids_come_back_in_the_order_of_their_texts(more: list[str]) -> None:
    chance = random.Random(1)
    texts = [*WORDS, *more, *(f"{chance.getrandbits(40):x}" for _ in range(500))]
    chance.shuffle(texts)
    ids = ids_of(texts)
    assert list(ids) == texts
    assert (ids[-1], ids[3:6]) == (texts[-1], texts[3:6])
    order, again = ids.order()
    assert [ids[row] for row in order.tolist()] == sorted(texts)
    assert again is None
    with pytest.raises(IndexError):
        ids[len(texts)]


@pytest.mark.parametrize("more", [[], ["long " + "x" * 70], ["with\0nought"]])
def test_the_first_row_that_repeats_an_id_is_told(more: list[str]) -> None:
    texts = [*WORDS, *more, "c", "ab", "d", "a", "a"]
    assert ids_of(texts).order()[1] == texts.index("c") + 1
    assert ids_of([]).order()[1] is None
    assert ids_of([""]).order()[0].tolist() == [0]


def test_a_cluster_bears_the_smallest_id_of_its_records() -> None:
    ids = ids_of(["d", "b", "a", "c", "e"])
    order, _ = ids.order()
    clusters = Clusters.of(ids, np.array([0, 0, 2, 0, 2]), order)
    assert list(clusters) == [("d", "b"), ("b", "b"), ("a", "a"), ("c", "b"), ("e", "a")]
    assert (clusters.many, len(clusters), clusters[0], clusters[1:3]) == (2, 5, ("d", "b"), [("b", "b"), ("a", "a")])
