"""The copy itself: references of the source into a mirror on this machine, and from there to the target.

Each step looks at what is there and does what is missing, so that a run that was killed is simply run again. What is
fetched comes in groups of references, the default branch first; what is sent goes in groups, below the limit of a push.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from codeyard.cli.mirror.place import Place
from codeyard.cli.mirror.run import Git, shown

GROUP = 2000  # references a push or a fetch; CodeCommit refuses more than 4,000
_KINDS = ("refs/heads/", "refs/tags/", "refs/notes/")


@dataclass(frozen=True, slots=True)
class References:
    """A repository's references, but for those its host keeps for itself (refs/pull/, refs/merge-requests/)."""

    ids: Mapping[str, str]
    default: str = ""

    @classmethod
    def parse(cls, text: str) -> References:
        """From what `git ls-remote --symref` says."""
        ids, default = {}, ""
        for line in text.splitlines():
            value, _, name = line.partition("\t")
            if name == "HEAD" and value.startswith("ref: "):
                default = value.removeprefix("ref: ")
            elif name.startswith(_KINDS) and not name.endswith("^{}"):
                ids[name] = value
        return cls(ids, default if default in ids else "")

    def news(self, old: References) -> list[str]:
        """Those that are new here or moved since, the default branch first."""
        names = [name for name, value in self.ids.items() if old.ids.get(name) != value]
        return sorted(names, key=lambda name: (name != self.default, name))


@contextmanager
def opened(folder: Path) -> Iterator[Git]:
    """The mirror in a folder, made where there is none; one run at a time, which clears what a killed one locked."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()) and not (folder / "codeyard.lock").exists():
        raise click.ClickException(
            f"{folder} has other files in it. Give --work an empty folder, or one of a migration"
        )
    with open(folder / "codeyard.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException(
                f"another run is at work in {folder}. Wait for its end, or give --work"
            ) from None
        git = Git(folder / "mirror.git", lock.fileno(), shown)
        if not (git.folder / "HEAD").exists():
            git("init", "--quiet", "--bare", str(git.folder))
        for stale in [*git.folder.glob("*.lock"), *git.folder.glob("refs/**/*.lock")]:
            stale.unlink()
        yield git


@dataclass(frozen=True, slots=True)
class Copy:
    """A mirror of the source on its way to the target."""

    git: Git
    source: Place
    target: Place
    say: Callable[[str], None]

    def fetch(self) -> References:
        """Bring the mirror up to the source; the source's references."""
        theirs, mine = self.remote(self.source), self.local()
        if not theirs.ids:
            raise click.ClickException(f"{self.source.url} has no branches and no tags: there is nothing to copy yet")
        gone = [name for name in mine.ids if name not in theirs.ids]
        if gone:
            self.git("update-ref", "--stdin", stdin="".join(f"delete {name}\n" for name in gone))
        wanted, done = theirs.news(mine), 0
        first = [[theirs.default]] if theirs.default in wanted else []
        for group in [*first, *_groups([name for name in wanted if [name] not in first])]:
            told = "".join(f"+{name}:{name}\n" for name in group)
            flags = ("--progress", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--stdin")
            self.git("fetch", *flags, self.source.url, place=self.source, stdin=told)
            done += len(group)
            self.say(f"fetched {done} of {len(wanted)} references")
        self.say(f"the mirror has {len(theirs.ids)} references, {self._objects()} objects")
        return References(self.local().ids, theirs.default)

    def large_files(self) -> int:
        """Bring what Git LFS keeps beside the references, and send it on; how many files it has."""
        if shutil.which("git-lfs") is None:
            if self._pointers():
                raise click.ClickException("the repository keeps files in Git LFS. Install git-lfs, or give --no-lfs")
            return 0
        found = len(self.git("lfs", "ls-files", "--all", "--long").splitlines())
        if found:
            self.say(f"{found} files in Git LFS")
            self._lfs("fetch", self.source, ())
            self._lfs("push", self.target, (("lfs.url", self.target.lfs_push),))
        return found

    def check(self, *, overwrite: bool) -> References:
        """The target's references; refused where it has commits that the source never had, for they would be lost."""
        found = self.remote(self.target)
        if found.ids and not overwrite:
            asked = "".join(f"{one}\n" for one in found.ids.values())
            told = self.git("cat-file", "--batch-check", stdin=asked).splitlines()
            names = [name for name, line in zip(found.ids, told, strict=True) if line.endswith(" missing")]
            if names:
                raise click.ClickException(
                    f"{self.target.url} has commits that the source has not, at {', '.join(names[:5])}. Copy to "
                    f"another repository, or give --overwrite to lose them"
                )
        return found

    def send(self, source: References, target: References) -> None:
        """Send what is new or moved, and first delete what is gone; all but the target's default branch."""
        gone = [name for name in target.ids if name not in source.ids and name != target.default]
        self._push([f":{name}" for name in gone], "deleted")
        self._push([f"+{source.ids[name]}:{name}" for name in source.news(target)], "sent")

    def send_end(self, source: References, target: References) -> None:
        """Delete the target's old default branch where the source has it no more: another is the default by now."""
        if target.default and target.default not in source.ids:
            self._push([f":{target.default}"], "deleted")

    def remote(self, place: Place) -> References:
        """The references of a place."""
        return References.parse(self.git("ls-remote", "--symref", place.url, place=place))

    def local(self) -> References:
        """The references of the mirror."""
        return References.parse(self.git("for-each-ref", "--format=%(objectname)\t%(refname)"))

    def _push(self, specifications: Sequence[str], said: str) -> None:
        done = 0
        for group in _groups(specifications):
            self.git("push", "--progress", "--no-verify", self.target.url, *group, place=self.target)
            done += len(group)
            self.say(f"{said} {done} of {len(specifications)} references")

    def _lfs(self, verb: str, place: Place, settings: Sequence[tuple[str, str]]) -> None:
        own = [("remote.migrate.url", place.url), *settings]
        if place.lfs_url and not settings:
            own.append(("lfs.url", place.lfs_url))
        self.git("lfs", verb, "--all", "migrate", place=place, settings=own)
        self.say(f"Git LFS: {'fetched' if verb == 'fetch' else 'sent'}")

    def _pointers(self) -> bool:
        told = self.git(
            "log", "--all", "--format=%H", "-n1", "-Gfilter=lfs", "--", ".gitattributes", "**/.gitattributes"
        )
        return bool(told)

    def _objects(self) -> int:
        counted = dict(line.split(": ", 1) for line in self.git("count-objects", "-v").splitlines())
        return int(counted["count"]) + int(counted["in-pack"])


def _groups(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[first : first + GROUP] for first in range(0, len(names), GROUP))
