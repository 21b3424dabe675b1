"""Two commits to be merged: how far they parted, and what each changed since they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codeyard.contract import AwsError
from codeyard.git import merging, trees
from codeyard.git.command import Git
from codeyard.git.diff import Change
from codeyard.git.objects import EMPTY_TREE
from codeyard.services.codecommit import model
from codeyard.services.codecommit.merges.versions import Version, version
from codeyard.services.codecommit.reading import Reader


@dataclass(frozen=True, slots=True)
class Sides:
    """A source and a destination with their common ancestors, and what changed at which path since these."""

    source: str
    destination: str
    bases: tuple[str, ...]
    roots: Mapping[str, str]
    by_source: Mapping[str, Change]
    by_destination: Mapping[str, Change]

    @property
    def base(self) -> str | None:
        """The best common ancestor."""
        return self.bases[0] if self.bases else None

    @property
    def forward(self) -> bool:
        """Whether the destination can simply move to the source."""
        return self.bases == (self.destination,)

    @property
    def merged(self) -> bool:
        """Whether the destination holds the source already."""
        return self.bases == (self.source,)

    def at(self, reader: Reader, side: str, path: str) -> Version | None:
        """What `source`, `destination` or `base` has at a path."""
        return version(trees.find(reader.tree, self.roots[side], path))


def compare(git: Git, reader: Reader, source: str, destination: str) -> Sides:
    """Look at both; TipsDivergenceExceeded- and MaximumItemsToCompareExceededException beyond the limits."""
    bases = tuple(merging.merge_bases(git, reader.path, destination, source))
    _check_divergence(git, reader, source, destination, bases)
    ancestors = [reader.root(base) for base in bases] or [EMPTY_TREE]
    roots = {"source": reader.root(source), "destination": reader.root(destination), "base": ancestors[0]}
    pairs = [(ancestor, roots[side]) for side in ("source", "destination") for ancestor in ancestors]
    found = merging.diff_pairs(git, reader.path, pairs)
    half = len(ancestors)
    by_source, by_destination = _by_path(found[:half]), _by_path(found[half:])
    if len(by_source) + len(by_destination) > model.MAX_COMPARED_ITEMS:
        raise AwsError("MaximumItemsToCompareExceededException", "The branches differ in too many files.")
    return Sides(source, destination, bases, roots, by_source, by_destination)


def _check_divergence(git: Git, reader: Reader, source: str, destination: str, bases: Sequence[str]) -> None:
    limit = model.MAX_DIVERGENCE + 1
    if merging.divergence(git, reader.path, (source, destination), bases, limit=limit) == limit:
        raise AwsError("TipsDivergenceExceededException", "The commits have diverged too far to be compared.")


def _by_path(diffs: Sequence[Sequence[Change]]) -> dict[str, Change]:
    """Changes by path; the first ancestor's, where several tell of a path."""
    found: dict[str, Change] = {}
    for changes in diffs:
        for change in changes:
            found.setdefault(change.path.decode("utf-8", "surrogateescape"), change)
    return found
