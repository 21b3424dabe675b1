"""The commit that a merge makes, as objects in memory: what branches, pull requests and unreferenced merges share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from codeyard.contract import AwsError, Params
from codeyard.git import diff
from codeyard.git.command import Git
from codeyard.git.objects import NewObject, Signature, commit, parse_tree
from codeyard.git.trees import largest_tree
from codeyard.services.codecommit import edits, model
from codeyard.services.codecommit.merges.attempt import FILE_LEVEL, LINE_LEVEL, Attempt, attempt
from codeyard.services.codecommit.merges.resolution import Resolution, read_resolution, resolve, settle
from codeyard.services.codecommit.merges.sides import Sides
from codeyard.services.codecommit.reading import Reader

FAST_FORWARD, SQUASH, THREE_WAY = "FAST_FORWARD_MERGE", "SQUASH_MERGE", "THREE_WAY_MERGE"


@dataclass(frozen=True, slots=True)
class Manner:
    """How conflicts are found and settled."""

    level: str = FILE_LEVEL
    strategy: str = "NONE"

    @property
    def by_line(self) -> bool:
        """Whether files are merged line by line."""
        return self.level == LINE_LEVEL or self.strategy == "AUTOMERGE"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of a merge commit."""

    option: str
    manner: Manner
    resolution: Resolution
    who: Signature
    message: str
    keep_folders: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge's commit, with the objects that it takes; the destination itself when it holds the source already."""

    commit: str
    tree: str
    base: str | None
    objects: Sequence[NewObject] = ()


def read_manner(req: Params) -> Manner:
    """A request's conflictDetailLevel and conflictResolutionStrategy."""
    return Manner(req.get("conflictDetailLevel") or FILE_LEVEL, req.get("conflictResolutionStrategy") or "NONE")


def read_wanted(req: Params, option: str, caller: str, at: int, names: tuple[str, str]) -> Wanted:
    """Read a merge request, with the refusals that need no repository. `at` is in seconds; the caller is an ARN; the
    names are those of source and destination, for a message where the request has none."""
    name, email, message = (req.get(member) or "" for member in ("authorName", "email", "commitMessage"))
    model.check_author(name, email, message)
    manner = read_manner(req)
    return Wanted(
        option,
        manner,
        read_resolution(req.get("conflictResolution"), manner.strategy),
        Signature(name or caller, email, at),
        message or f"{'Squashed' if option == SQUASH else 'Merged'} {names[0]} into {names[1]}",
        bool(req.get("keepEmptyFolders")),
    )


def event_detail(option: str, manner: Manner, source: str, destination: str, base: str | None) -> dict[str, str]:
    """What events say of a merge."""
    return {
        "baseCommitId": base or "",
        "sourceCommitId": source,
        "destinationCommitId": destination,
        "mergeOption": option,
        "conflictDetailsLevel": manner.level,
        "conflictResolutionStrategy": manner.strategy,
    }


def fast_forward(git: Git, reader: Reader, source: str, destination: str) -> Merged:
    """The source itself as the merge; ManualMergeRequiredException when the histories parted."""
    if not diff.is_ancestor(git, reader.path, destination, source):
        raise AwsError("ManualMergeRequiredException", "The branches cannot be merged by fast-forward.")
    return Merged(source, reader.root(source), destination)


def merge(git: Git, reader: Reader, source: str, destination: str, wanted: Wanted) -> Merged:
    """Merge by squash or three-way; ManualMergeRequiredException while a conflict remains."""
    with attempt(git, reader, source, destination, by_line=wanted.manner.by_line) as under_way:
        sides = under_way.sides
        if sides.merged:
            return Merged(destination, sides.roots["destination"], sides.base)
        resolve(under_way, wanted.resolution)
        settle(under_way, wanted.manner.strategy)
        if under_way.conflicts:
            raise AwsError("ManualMergeRequiredException", "The branches have conflicts that must be resolved.")
        if wanted.keep_folders:
            under_way.objects += edits.keep(under_way.editor, _emptied(under_way, wanted.resolution))
        return _commit(under_way, sides, wanted)


def _commit(under_way: Attempt, sides: Sides, wanted: Wanted) -> Merged:
    tree_id, trees = under_way.editor.finish()
    if largest_tree(trees) > model.MAX_FOLDER:
        raise AwsError("FolderContentSizeLimitExceededException", "A folder would be larger than 6 MB.")
    made = {one.id: one for one in (*under_way.objects, *trees)}
    known = {**under_way.scratch.objects(), **made}
    parents = [sides.destination] if wanted.option == SQUASH else [sides.destination, sides.source]
    head = commit(tree_id, parents, wanted.who, wanted.who, wanted.message)
    return Merged(head.id, tree_id, sides.base, [*_reachable(tree_id, known), head])


def _reachable(root: str, known: Mapping[str, NewObject]) -> Iterable[NewObject]:
    """Of the objects that were made, those that the tree needs."""
    waiting, seen = [root], set()
    while waiting:
        found = known.get(object_id := waiting.pop())
        if found is None or object_id in seen:
            continue
        seen.add(object_id)
        yield found
        if found.type == "tree":
            waiting += [entry.id for entry in parse_tree(found.content)]


def _emptied(under_way: Attempt, resolution: Resolution) -> list[str]:
    """The folders of files that the merge deletes."""
    gone = [path for path, change in under_way.sides.by_source.items() if not change.new_mode]
    paths = [path for path in (*gone, *resolution.delete) if under_way.editor.get(path) is None]
    return list(dict.fromkeys(path.rpartition("/")[0] for path in paths))
