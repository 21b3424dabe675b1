"""GetBlobDifferences beside `git diff`: the same hunks, whatever the two texts are."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeyard.contract import AwsError
from codeyard.git import hunks
from tests.support.histories import git
from tests.unit.services.codecommit.harness import Service

LINES = ["", "a", "a ", "  a", "b", "b\r", "ünï", "-", "+", "\\ No newline at end of file", "@@ -1 +1 @@", "\tx", "x y"]
MARKS = {"CONTEXT": " ", "ADD": "+", "DELETE": "-"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(tmp_path_factory.mktemp("blobs"))
    made.call("CreateRepository", repositoryName="demo")
    yield made
    made.rooms.objects.close()
    made.kit.db.close()


@pytest.fixture(scope="module")
def path(service: Service) -> Path:
    found = service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]
    return service.rooms.repositories.path(found["repositoryId"])


def blob(path: Path, content: bytes) -> str:
    return git(path, "hash-object", "-w", "--stdin", data=content).decode().strip()


def differences(service: Service, before: str | None, after: str, **more: Any) -> dict[str, Any]:
    """The whole answer, put together from its pages."""
    sides = {"beforeBlobId": before, "afterBlobId": after} if before is not None else {"afterBlobId": after}
    answer: dict[str, Any] = {"hunks": []}
    token: dict[str, str] = {}
    while True:
        page = service.call("GetBlobDifferences", repositoryName="demo", **sides, **more, **token)
        answer = {**page, "hunks": [*answer["hunks"], *page["hunks"]]}
        if "NextToken" not in page:
            return answer
        assert page["hunks"], "a page that is not the last has something"
        token = {"NextToken": page["NextToken"]}


def unified(answer: dict[str, Any]) -> list[str]:
    """The answer in git's form."""
    lines = []
    for hunk in answer["hunks"]:
        sides = []
        for mark, side in (("-", "before"), ("+", "after")):
            start, count = hunk[f"{side}StartLine"], hunk[f"{side}LineCount"]
            sides.append(f"{mark}{start}" if count == 1 else f"{mark}{start},{count}")
        lines.append(f"@@ {' '.join(sides)} @@")
        lines += [MARKS[change["type"]] + change["content"] for change in hunk["changes"]]
    return lines


def as_git(path: Path, before: str, after: str, *flags: str) -> list[str]:
    text = git(path, "diff", "--text", *flags, before, after, ok=(0, 1)).decode()
    lines = text.split("\n")[:-1]
    begin = next((at for at, line in enumerate(lines) if line.startswith("@@")), len(lines))
    shown = [line for line in lines[begin:] if line != "\\ No newline at end of file"]
    # What stands behind a head is git's guess at the function it is in.
    return [line[: line.index(" @@", 3) + 3] if line.startswith("@@ -") else line for line in shown]


def text(rng: random.Random, base: list[str] | None = None) -> list[str]:
    lines = list(base) if base is not None else rng.choices(LINES, k=rng.randrange(40))
    for _ in range(rng.randrange(6) if base is not None else 0):
        at = rng.randrange(len(lines) + 1)
        lines[at : at + rng.randrange(3)] = rng.choices(LINES, k=rng.randrange(3))
    return lines


def encoded(rng: random.Random, lines: list[str]) -> bytes:
    return "\n".join(lines).encode() + (b"\n" if rng.random() < 0.7 else b"")


@pytest.mark.parametrize("seed", [*range(16), *(pytest.param(n, marks=pytest.mark.deep) for n in range(16, 1000))])
def test_hunks_are_those_of_git(service: Service, path: Path, seed: int) -> None:
    rng = random.Random(seed)
    first = text(rng)
    before, after = (blob(path, encoded(rng, lines)) for lines in (first, text(rng, first)))
    context, loose = rng.choice([0, 1, 3, 20]), rng.random() < 0.4
    more = {"contextLines": context, "ignoreWhitespace": loose, "MaxResults": rng.choice([1, 2, 100])}
    answer = differences(service, before, after, **more)
    assert unified(answer) == as_git(path, before, after, f"-U{context}", *(["-w"] if loose else []))
    if not loose:
        assert_numbered(answer, path, before, after)


def assert_numbered(answer: dict[str, Any], path: Path, before: str, after: str) -> None:
    """Each line stands where its number says."""
    sides = {"before": before, "after": after}
    found = {side: git(path, "cat-file", "blob", one).decode().split("\n") for side, one in sides.items()}
    for hunk in answer["hunks"]:
        for change in hunk["changes"]:
            for side, lines in found.items():
                number = change.get(f"{side}LineNumber")
                assert (number is None) == (change["type"] == ("ADD" if side == "before" else "DELETE"))
                assert number is None or lines[number - 1] == change["content"]


def test_without_a_before_every_line_is_new(service: Service, path: Path) -> None:
    answer = differences(service, None, blob(path, b"one\ntwo"))
    assert (answer["beforeBlobSize"], answer["afterBlobSize"], answer["isBinary"]) == (0, 7, False)
    changes = [{"type": "ADD", "afterLineNumber": 1, "content": "one"}]
    changes.append({"type": "ADD", "afterLineNumber": 2, "content": "two"})
    starts = {"beforeStartLine": 0, "beforeLineCount": 0, "afterStartLine": 1, "afterLineCount": 2}
    assert answer["hunks"] == [{**starts, "changes": changes}]
    assert differences(service, None, blob(path, b""))["hunks"] == []


def test_what_is_the_same_or_binary_has_no_hunks(service: Service, path: Path) -> None:
    same, binary = blob(path, b"a\n"), blob(path, b"a\0b\n")
    assert differences(service, same, same)["hunks"] == []
    answer = differences(service, same, binary)
    assert (answer["isBinary"], answer["hunks"]) == (True, [])
    assert differences(service, None, binary)["isBinary"]


def test_bytes_that_are_no_text_do_not_break_the_answer(service: Service, path: Path) -> None:
    answer = differences(service, blob(path, b"\xff\xfe\n"), blob(path, b"\xe4\n"))
    assert [change["content"] for change in answer["hunks"][0]["changes"]] == ["\ufffd\ufffd", "\ufffd"]


def test_a_run_that_is_too_long_for_one_hunk_comes_in_several(
    service: Service, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hunks, "MOST_LINES", 4)
    before, after = blob(path, b"".join(b"%d\n" % n for n in range(6))), blob(path, b"x\ny\nz\n")
    found = differences(service, before, after, contextLines=0)["hunks"]
    shown = [
        [hunk[name] for name in ("beforeStartLine", "beforeLineCount", "afterStartLine", "afterLineCount")]
        for hunk in found
    ]
    assert shown == [[1, 4, 0, 0], [5, 2, 1, 2], [6, 0, 3, 1]]


@pytest.mark.parametrize(
    ("req", "code"),
    [
        ({"afterBlobId": ""}, "BlobIdRequiredException"),
        ({"afterBlobId": "main"}, "InvalidBlobIdException"),
        ({"beforeBlobId": "x"}, "InvalidBlobIdException"),
        ({"beforeBlobId": "0" * 39 + "1"}, "BlobIdDoesNotExistException"),
        ({"contextLines": 21}, "ValidationException"),
        ({"contextLines": -1}, "ValidationException"),
        ({"MaxResults": -1}, "InvalidMaxResultsException"),
        ({"NextToken": "%"}, "InvalidContinuationTokenException"),
    ],
)
def test_what_cannot_be_compared_is_refused(service: Service, path: Path, req: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as error:
        service.call("GetBlobDifferences", **{"repositoryName": "demo", "afterBlobId": blob(path, b"a"), **req})
    assert error.value.code == code


def test_a_token_of_another_comparison_and_a_file_that_is_too_large_are_refused(service: Service, path: Path) -> None:
    before, after = blob(path, b"a\n" * 9 + b"b\n" * 9 + b"a\n"), blob(path, b"b\n" + b"a\n" * 9 + b"b\n" * 9)
    sides = {"repositoryName": "demo", "beforeBlobId": before, "afterBlobId": after, "contextLines": 0}
    token = service.call("GetBlobDifferences", **sides, MaxResults=1)["NextToken"]
    for change in ({"ignoreWhitespace": True}, {"contextLines": 1}, {"beforeBlobId": after}):
        with pytest.raises(AwsError, match="another comparison"):
            service.call("GetBlobDifferences", **{**sides, "NextToken": token, **change})
    large = blob(path, bytes(6 * 2**20 + 1))
    with pytest.raises(AwsError) as error:
        service.call("GetBlobDifferences", repositoryName="demo", afterBlobId=large)
    assert error.value.code == "FileTooLargeException"
