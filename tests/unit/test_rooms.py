"""A service's API is put together from classes by noun: no two of them may have a method of one name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections import defaultdict
from collections.abc import Iterator

import pytest

import codeyard.platform
import codeyard.services


def _apis() -> Iterator[type]:
    for package in (codeyard.services, codeyard.platform):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            try:
                module = importlib.import_module(f"{found.name}.api")
            except ModuleNotFoundError:
                continue
            for one in vars(module).values():
                if inspect.isclass(one) and one.__module__ == module.__name__ and len(one.__bases__) > 1:
                    yield one


APIS = list(_apis())


def test_there_are_such_classes() -> None:
    assert {"CodeCommit", "CodePipeline"} <= {one.__name__ for one in APIS}


@pytest.mark.parametrize("api", APIS, ids=lambda one: one.__module__)
def test_no_two_rooms_have_a_method_of_one_name(api: type) -> None:
    owners: dict[str, list[type]] = defaultdict(list)
    for room in api.__mro__[1:]:
        for name, value in vars(room).items():
            if inspect.isfunction(inspect.unwrap(getattr(value, "__func__", value))) and not name.startswith("__"):
                owners[name].append(room)
    for name, rooms in owners.items():
        unrelated = [(a, b) for a in rooms for b in rooms if a is not b and not (issubclass(a, b) or issubclass(b, a))]
        assert unrelated == [], name
