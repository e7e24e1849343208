"""The inner loop of the search on arrays: bounded bidirectional Dijkstra, compiled.

Plain Python otherwise: ``shortest`` without the compiler gives the same answer, which the tests hold it to.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

# numba carries no types; Any here keeps the strict checks on everything that calls the loops
numba: Any = import_module("numba")


def compiled(function: Function) -> Function:
    """``function`` compiled on first call, cached on disk wherever Numba finds room to write."""
    try:
        loop: Function = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # "no locator available": nowhere to write
        loop = numba.njit(cache=False, nogil=True)(function)
    return loop


@compiled
def rows_of(holders: Any, values: Any, nodes: int, entities: int) -> Any:
    """(starts, neighbours) of the graph in which each holding is a link between an entity and a value, both ways."""
    starts = np.zeros(nodes + 1, np.int64)
    for at in range(holders.size):
        starts[holders[at] + 1] += 1
        starts[entities + values[at] + 1] += 1
    for node in range(nodes):
        starts[node + 1] += starts[node]
    place = starts[:-1].copy()
    neighbours = np.empty(2 * holders.size, np.int32)
    for at in range(holders.size):
        holder, value = holders[at], entities + values[at]
        neighbours[place[holder]] = value
        place[holder] += 1
        neighbours[place[value]] = holder
        place[value] += 1
    return starts, neighbours


@compiled
def push(heap_cost: Any, heap_node: Any, size: int, cost: Any, node: int) -> int:
    """One entry more on a binary heap, the cheapest at place 0; the new size."""
    at = size
    while at > 0:
        up = (at - 1) >> 1
        if heap_cost[up] <= cost:
            break
        heap_cost[at], heap_node[at] = heap_cost[up], heap_node[up]
        at = up
    heap_cost[at], heap_node[at] = cost, node
    return size + 1


@compiled
def pop(heap_cost: Any, heap_node: Any, size: int) -> int:
    """The cheapest entry taken away; the new size."""
    size -= 1
    cost, node = heap_cost[size], heap_node[size]
    at = 0
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size and heap_cost[down + 1] < heap_cost[down]:
            down += 1
        if heap_cost[down] >= cost:
            break
        heap_cost[at], heap_node[at] = heap_cost[down], heap_node[down]
        at = down
    heap_cost[at], heap_node[at] = cost, node
    return size


@compiled
def shortest(
    starts: Any,
    neighbours: Any,
    bits: Any,
    entities: int,
    ends: Any,
    most_bits: float,
    most_looked: int,
    banned: Any,
    stamp: int,
    seen: Any,
    cost: Any,
    before: Any,
    heap_cost: Any,
    heap_node: Any,
) -> Any:
    """(bits, meeting node, complete): the cheapest way between two nodes of at most ``most_bits``; node -1: none.

    A tie costs its value's bits, half on the way in and half on the way out. ``seen``, ``cost``, ``before`` and the heaps
    have one row for each side; ``seen`` holds the search's ``stamp`` where the other two are of this search. Nodes whose
    ``banned`` is the stamp are left out. At most ``most_looked`` nodes are settled; fewer than needed: not complete.
    """
    size = np.zeros(2, np.int64)
    best, meeting, looked = most_bits + 1e-6, -1, 0
    for side in range(2):
        seen[side, ends[side]], cost[side, ends[side]], before[side, ends[side]] = stamp, 0.0, -1
        size[side] = push(heap_cost[side], heap_node[side], 0, 0.0, ends[side])
    while size[0] > 0 and size[1] > 0:
        # The side with the shorter queue: a hub on one side is met from the other.
        side = 0 if size[0] <= size[1] else 1
        other = 1 - side
        if heap_cost[0, 0] + heap_cost[1, 0] >= best:
            break
        here, node = heap_cost[side, 0], heap_node[side, 0]
        size[side] = pop(heap_cost[side], heap_node[side], size[side])
        if here > cost[side, node]:
            continue
        looked += 1
        if looked > most_looked:
            return best, meeting, False
        least = heap_cost[other, 0]
        is_value = node >= entities
        step = bits[node - entities] * np.float32(0.5) if is_value else np.float32(0)
        for at in range(starts[node], starts[node + 1]):
            reached = neighbours[at]
            there = np.float32(here + (step if is_value else bits[reached - entities] * np.float32(0.5)))
            if there >= best or banned[reached] == stamp:
                continue
            if seen[side, reached] == stamp and cost[side, reached] <= there:
                continue
            met = seen[other, reached] == stamp
            if met and there + cost[other, reached] < best:
                best, meeting = there + cost[other, reached], reached
            # Whatever the other side has not settled costs it at least its cheapest open entry.
            if there + least >= best and not met:
                continue
            seen[side, reached], cost[side, reached], before[side, reached] = stamp, there, node
            if there + least < best and size[side] < heap_cost.shape[1]:
                size[side] = push(heap_cost[side], heap_node[side], size[side], there, reached)
            elif there + least < best:
                return best, meeting, False
    return best, meeting, True


@compiled
def within(
    starts: Any,
    neighbours: Any,
    bits: Any,
    entities: int,
    start: int,
    most_bits: float,
    most_looked: int,
    stamp: int,
    seen: Any,
    cost: Any,
    before: Any,
    heap_cost: Any,
    heap_node: Any,
) -> Any:
    """(settled entities in order of cost, complete): everything within ``most_bits`` of one node."""
    settled = np.empty(most_looked, np.int32)
    count, looked = 0, 0
    seen[0, start], cost[0, start], before[0, start] = stamp, 0.0, -1
    size = push(heap_cost[0], heap_node[0], 0, 0.0, start)
    while size > 0:
        here, node = heap_cost[0, 0], heap_node[0, 0]
        size = pop(heap_cost[0], heap_node[0], size)
        if here > cost[0, node]:
            continue
        if looked == most_looked:
            return settled[:count], False
        looked += 1
        is_value = node >= entities
        if not is_value:
            settled[count] = node
            count += 1
        step = bits[node - entities] * np.float32(0.5) if is_value else np.float32(0)
        for at in range(starts[node], starts[node + 1]):
            reached = neighbours[at]
            there = np.float32(here + (step if is_value else bits[reached - entities] * np.float32(0.5)))
            if there > most_bits or (seen[0, reached] == stamp and cost[0, reached] <= there):
                continue
            if size == heap_cost.shape[1]:
                return settled[:count], False
            seen[0, reached], cost[0, reached], before[0, reached] = stamp, there, node
            size = push(heap_cost[0], heap_node[0], size, there, reached)
    return settled[:count], True
