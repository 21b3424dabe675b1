"""One question as the compiled statements see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Values = str | Sequence[str]


class Request:
    """Action, resource and condition keys. Key names lose their case only when a statement first asks for one."""

    __slots__ = ("_found", "_sources", "action", "resource")  # one is made for every check

    def __init__(self, action: str, resource: str, *sources: Mapping[str, Values]) -> None:
        self.action, self.resource = action.lower(), resource
        self._sources = sources
        self._found: dict[str, Values] | None = None

    @property
    def keys(self) -> Mapping[str, Values]:
        """Every condition key under its lower-case name; later sources override earlier ones."""
        found = self._found
        if found is None:
            found = self._found = {}
            for source in self._sources:
                found.update(zip(map(str.lower, source), source.values(), strict=True))
        return found

    def values(self, key: str) -> tuple[str, ...]:
        """The key's values; an absent key and one without values have none."""
        found = self.keys.get(key)
        if found is None:
            return ()
        return (found,) if isinstance(found, str) else tuple(found)

    def single(self, key: str) -> str | None:
        """The value of a key that has just one: what a policy variable may stand for."""
        found = self.values(key)
        return found[0] if len(found) == 1 else None
