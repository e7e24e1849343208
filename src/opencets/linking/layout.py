"""Layout of the link chart, computed on the server so that slow machines only draw.

Springs along edges, repulsion between all (Fruchterman and Reingold, 1991), a weak pull to the centre so that separate
parts stay on the page. Nodes already on the chart keep their places when it is expanded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

Position = tuple[float, float]
MOST_PAIRED = 600
"""Up to so many nodes each is held apart from each; beyond, from ``SAMPLED`` others a round."""
SAMPLED = 16


def layout(
    nodes: Iterable[str],
    edges: Iterable[tuple[str, str]],
    seed: int = 0,
    fixed: Mapping[str, Position] | None = None,
    *,
    spacing: float = 90.0,
    rounds: int | None = None,
) -> dict[str, Position]:
    """x and y of every node in pixels around (0, 0); the same nodes, edges and seed give the same places.

    ``fixed``: places that stay exactly as given; new nodes start beside their fixed neighbours. ``spacing``: the length
    that an edge strives for. Edges to unknown nodes are passed over.
    """
    names = sorted(set(nodes))
    if not names:
        return {}
    index = {name: at for at, name in enumerate(names)}
    pairs = sorted({(min(a, b), max(a, b)) for a, b in edges if a != b and a in index and b in index})
    ends = np.array([(index[a], index[b]) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
    kept = {name: place for name, place in (fixed or {}).items() if name in index}
    places = _first_places(names, index, pairs, kept, seed, spacing)
    free = np.array([name not in kept for name in names])
    if free.any() and len(names) > 1:
        if len(names) > MOST_PAIRED:
            # Held apart from some others, chosen anew each round, instead of from all: the work grows with the nodes alone.
            chance = np.random.default_rng(seed + 1)
            _settle(places, ends, free, spacing, rounds or 45, centred=not kept, chance=chance)
        else:
            # 60 rounds settle 500 nodes; the work grows with the square, so larger charts get fewer.
            count = rounds if rounds is not None else max(10, min(120, 20_000_000 // len(names) ** 2))
            _settle(places, ends, free, spacing, count, centred=not kept)
    return {
        name: kept.get(name) or (round(float(x), 2), round(float(y), 2))
        for name, (x, y) in zip(names, places, strict=True)
    }


def _first_places(
    names: list[str],
    index: Mapping[str, int],
    pairs: list[tuple[str, str]],
    kept: Mapping[str, Position],
    seed: int,
    spacing: float,
) -> npt.NDArray[np.float64]:
    chance = np.random.default_rng(seed)
    radius = spacing * np.sqrt(len(names)) / 2
    places = chance.uniform(-radius, radius, size=(len(names), 2))
    beside: dict[str, list[Position]] = {}
    for a, b in pairs:
        for one, other in ((a, b), (b, a)):
            if other in kept and one not in kept:
                beside.setdefault(one, []).append(kept[other])
    for name, neighbours in beside.items():
        turn = chance.uniform(0, 2 * np.pi)
        middle = np.mean(np.array(neighbours), axis=0)
        places[index[name]] = middle + spacing * np.array([np.cos(turn), np.sin(turn)])
    for name, place in kept.items():
        places[index[name]] = place
    return places


def _settle(
    places: npt.NDArray[np.float64],
    ends: npt.NDArray[np.int64],
    free: npt.NDArray[np.bool_],
    spacing: float,
    rounds: int,
    *,
    centred: bool,
    chance: np.random.Generator | None = None,
) -> None:
    heat = spacing * max(1.0, np.sqrt(len(places)) / 4)
    cooling = heat / (rounds + 1)
    for _ in range(rounds):
        force = _apart(places, spacing) if chance is None else _apart_from_some(places, spacing, chance)
        if len(ends):
            along = places[ends[:, 0]] - places[ends[:, 1]]
            pull = along * (np.hypot(along[:, 0], along[:, 1]) / spacing)[:, None]
            np.subtract.at(force, ends[:, 0], pull)
            np.add.at(force, ends[:, 1], pull)
        if centred:
            # Many nodes push further: what is tied to nothing would stand far outside.
            force -= places * (0.05 if chance is None else 0.6)
        length = np.maximum(np.hypot(force[:, 0], force[:, 1]), 1e-9)
        step = force / length[:, None] * np.minimum(length, heat)[:, None]
        places[free] += step[free]
        heat -= cooling


def _apart(places: npt.NDArray[np.float64], spacing: float) -> npt.NDArray[np.float64]:
    x, y = places[:, 0], places[:, 1]
    across, down = x[:, None] - x[None, :], y[:, None] - y[None, :]
    squared = across * across + down * down
    np.maximum(squared, 1.0, out=squared)
    push = spacing * spacing / squared
    return np.stack(((across * push).sum(axis=1), (down * push).sum(axis=1)), axis=1)


def _apart_from_some(
    places: npt.NDArray[np.float64], spacing: float, chance: np.random.Generator
) -> npt.NDArray[np.float64]:
    """The push of some others standing for all, and that of the nearest along both axes whole: those overlap."""
    count = len(places)
    others = chance.integers(0, count, size=(count, SAMPLED))
    between = places[:, None, :] - places[others]
    push = spacing * spacing / np.maximum((between * between).sum(axis=2), spacing * spacing / 16)
    force: npt.NDArray[np.float64] = (between * push[:, :, None]).sum(axis=1) * (count / SAMPLED)
    for axis in (0, 1):
        order = np.argsort(places[:, axis], kind="stable")
        for step in range(1, 5):
            one, other = order[:-step], order[step:]
            apart = places[one] - places[other]
            near = spacing * spacing / np.maximum((apart * apart).sum(axis=1), 1.0)
            near = np.where(near > 1, near, 0.0)[:, None] * apart
            force[one] += near
            force[other] -= near
    return force
