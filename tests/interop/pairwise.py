"""All-pairs: a short list of combinations in which every pair of values of every two dimensions occurs.

Greedy and without chance, so the same dimensions always give the same list. The first rows cover the most new pairs:
a prefix of the list is a sensible smaller test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

Setting = tuple[str, str]  # dimension and value
Pair = frozenset[Setting]


def pairwise(dimensions: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    uncovered = all_pairs(dimensions)
    used: dict[Setting, int] = {}
    rows = []
    while uncovered:
        row = _next_row(dimensions, uncovered, used)
        uncovered -= pairs_of(row)
        for setting in row.items():
            used[setting] = used.get(setting, 0) + 1
        rows.append({name: row[name] for name in dimensions})
    return rows


def all_pairs(dimensions: Mapping[str, Sequence[str]]) -> set[Pair]:
    return {frozenset(((first, a), (second, b)))
            for first, second in combinations(dimensions, 2) for a in dimensions[first] for b in dimensions[second]}


def pairs_of(row: Mapping[str, str]) -> set[Pair]:
    return {frozenset(pair) for pair in combinations(row.items(), 2)}


def _next_row(dimensions: Mapping[str, Sequence[str]], uncovered: set[Pair],
              used: Mapping[Setting, int]) -> dict[str, str]:
    """Begins with the open pair of the least used values, then adds the best value of each other dimension."""
    seed = min(uncovered, key=lambda pair: (sum(used.get(setting, 0) for setting in pair), sorted(pair)))
    row = dict(seed)
    # Dimensions with many values are the hardest to cover, so they choose first.
    for name in sorted(dimensions, key=lambda name: -len(dimensions[name])):
        if name not in row:
            row[name] = min(dimensions[name], key=lambda value: (
                -sum(frozenset(((name, value), setting)) in uncovered for setting in row.items()),
                used.get((name, value), 0)))
    return row
