"""What is kept of git's answers."""

from __future__ import annotations

import random
from collections import OrderedDict

import pytest

from codeyard.git.kept import Kept


def test_none_is_an_answer_too() -> None:
    kept: Kept[str, str | None] = Kept(2)
    assert kept.get("a") is None
    kept.put("a", None)
    found = kept.get("a")
    assert found is not None
    assert found.value is None


@pytest.mark.parametrize("seed", range(20))
def test_the_latest_looked_at_stay_within_the_bound(seed: int) -> None:
    """Beside a naive one: all that is there, each with its weight and one for itself, is counted each time."""
    rng, bound = random.Random(seed), 20
    kept: Kept[int, int] = Kept(bound)
    naive: OrderedDict[int, tuple[int, int]] = OrderedDict()
    for value in range(400):
        key, weight = rng.randrange(12), rng.randrange(8)
        if rng.random() < 0.5:
            known = kept.get(key)
            assert (known and known.value) == (naive[key][0] if key in naive else None)
            if key in naive:
                naive.move_to_end(key)
            continue
        kept.put(key, value, weight)
        naive.pop(key, None)
        naive[key] = (value, weight)
        while sum(one + 1 for _, one in naive.values()) > bound:
            naive.popitem(last=False)


def test_what_is_heavier_than_the_bound_is_not_kept() -> None:
    kept: Kept[str, int] = Kept(5)
    kept.put("a", 1, 2)
    kept.put("b", 2, 9)
    assert kept.get("a") is None
    assert kept.get("b") is None
