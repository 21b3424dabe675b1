"""Generated git histories: two lines of commits that part, with everything that makes merging hard."""

from __future__ import annotations

import os
import random
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

NAMES = [
    b"plain.txt", b"dir/one", b"dir/two", b"dir/sub/three", b"other/file", b"with space", b"tab\there", b'quo"te',
    b"new\nline", b"uml\xc3\xa4ut", b"not\xff-utf8", b"-dash", b"tilde~1", b"case", b"CASE", b"dir2/one", b"a:b", b":c",
    b"dir.x", b"zz/deep/er/file",
]  # fmt: skip
SUBMODULE, LINK, FILE, EXECUTABLE = b"160000", b"120000", b"100644", b"100755"
ENVIRONMENT = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
State = dict[bytes, tuple[bytes, bytes]]


def git(repository: Path, *words: str, data: bytes = b"", ok: tuple[int, ...] = (0,), **env: str) -> bytes:
    """Run stock git over a bare repository."""
    found = subprocess.run(
        ["git", f"--git-dir={repository}", "-c", "safe.directory=*", *words],
        input=data,
        capture_output=True,
        check=False,
        env={**ENVIRONMENT, **env},
    )
    assert found.returncode in ok, (words, found.returncode, found.stderr[-500:])
    return found.stdout if ok == (0,) else b"%d\n" % found.returncode + found.stdout


@dataclass
class History:
    """A generator of commits, seeded; `commits` maps our marks to ids once it is written."""

    seed: int
    stream: list[bytes] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def commit(self, state: State, *parents: int) -> int:
        """A commit of the state; its mark."""
        self.count += 1
        head = b"commit refs/heads/m%d\nmark :%d\ncommitter N <n@e> %d +0000\ndata 1\nx\n" % (
            self.count,
            self.count,
            1_700_000_000 + 60 * self.count,
        )
        self.stream.append(head + b"".join(self._parent(n, mark) for n, mark in enumerate(parents)) + b"deleteall\n")
        self.stream += [self._file(path, mode, content) for path, (mode, content) in sorted(state.items())]
        return self.count

    def _parent(self, place: int, mark: int) -> bytes:
        return b"%s :%d\n" % (b"merge" if place else b"from", mark)

    def _file(self, path: bytes, mode: bytes, content: bytes) -> bytes:
        name = b'"' + b"".join(b"\\%03o" % byte for byte in path) + b'"'
        if mode == SUBMODULE:
            return b"M 160000 %s %s\n" % (content, name)
        return b"M %s inline %s\ndata %d\n%s\n" % (mode, name, len(content), content)

    def write(self, repository: Path) -> list[str]:
        """Put it into a repository; the ids in the order of the marks, the first at index 1."""
        git(repository, "fast-import", "--quiet", "--force", data=b"".join(self.stream))
        asked = "".join(f"refs/heads/m{mark}\n" for mark in range(1, self.count + 1))
        found = git(repository, "cat-file", "--batch-check=%(objectname)", data=asked.encode()).decode().split()
        return ["", *found]

    def start(self) -> State:
        """Some files of every kind."""
        state: State = {}
        for path in self.random.sample(NAMES, 12):
            put(state, path, *self.content())
        return state

    def content(self) -> tuple[bytes, bytes]:
        """A mode and a content for it."""
        kind = self.random.random()
        if kind < 0.08:
            return LINK, b"target%d" % self.random.randrange(3)
        if kind < 0.16:
            return SUBMODULE, b"%040x" % self.random.randrange(1, 4)
        if kind < 0.22:
            return FILE, b"\0binary%d" % self.random.randrange(3)
        end = b"\r\n" if kind < 0.35 else b"\n"
        lines = [b"line %d%s" % (n, end) for n in range(self.random.randrange(3, 14))]
        tail = b"" if self.random.random() < 0.8 else b"no end"
        return self.random.choice([FILE, FILE, EXECUTABLE]), b"".join(lines) + tail

    def change(self, before: State, times: int = 4) -> State:
        """The state after some changes."""
        state = dict(before)
        for _ in range(times):
            self._change_once(state)
        return state

    def _change_once(self, state: State) -> None:
        path = self.random.choice(sorted(state) or [b"plain.txt"])
        kind = self.random.random()
        if path not in state or kind < 0.15:
            put(state, self.random.choice(NAMES), *self.content())
        elif kind < 0.6:
            put(state, path, state[path][0], self._edit(*state[path]))
        elif kind < 0.7:
            del state[path]
        elif kind < 0.8:
            moved = state.pop(path)
            put(state, self.random.choice(NAMES), *moved)
        elif kind < 0.9 and state[path][0] in (FILE, EXECUTABLE):
            put(state, path, EXECUTABLE if state[path][0] == FILE else FILE, state[path][1])
        elif kind < 0.95:
            put(state, path, *self.content())
        else:
            put(state, path + b"/inner", *self.content())

    def _edit(self, mode: bytes, content: bytes) -> bytes:
        if mode == SUBMODULE:
            return b"%040x" % self.random.randrange(1, 6)
        if mode == LINK or b"\0" in content:
            return content + b"%d" % self.random.randrange(3)
        lines = content.split(b"\n")
        at = self.random.randrange(len(lines))
        word = b"changed %d" % self.random.randrange(4)
        choice = self.random.random()
        if choice < 0.5:
            lines[at] = word
        elif choice < 0.8:
            lines.insert(at, word)
        else:
            del lines[at]
        return b"\n".join(lines) or b"\n"


def put(state: State, path: bytes, mode: bytes, content: bytes) -> None:
    """Put a file, and let files in the way of its folders, or in the folder in its place, go."""
    for other in list(state):
        if other.startswith(path + b"/") or path.startswith(other + b"/"):
            del state[other]
    state[path] = (mode, content)


def parted(seed: int, repository: Path) -> tuple[str, str]:
    """(source, destination): two histories from one start, straight or crossing; written to the repository."""
    history = History(seed)
    base = history.start()
    first = history.commit(base)
    ours, theirs = history.change(base), history.change(base)
    left, right = history.commit(ours, first), history.commit(theirs, first)
    shape = seed % 4
    if shape == 1:  # criss-cross: both sides merged the other, each in its own way
        third = history.commit(history.change(base, 2), first)
        ours, theirs = history.change(ours, 2), history.change(theirs, 2)
        left, right = history.commit(ours, left, right), history.commit(theirs, right, left, third)
    elif shape == 2:
        ours = history.change(ours)
        left = history.commit(ours, left)
    elif shape == 3:  # an octopus on one side
        more = [history.commit(history.change(base, 1), first) for _ in range(2)]
        theirs = history.change(theirs, 2)
        right = history.commit(theirs, right, *more)
    commits = history.write(repository)
    return commits[right], commits[left]
