"""CodeCommit's rules as pure functions: names, limits, paths, tags, and how interrupted changes are judged."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from codeyard.contract import AwsError
from codeyard.git.names import ZERO, is_object_id, is_valid_branch

MAX_FILE = 6 * 1024 * 1024
MAX_REQUEST_CONTENT = 7 * 1024 * 1024
MAX_FOLDER = 6 * 1024 * 1024
MAX_FILES_PER_COMMIT = 100
MAX_COMMIT_MESSAGE = 256 * 1024
MAX_NAME, MAX_EMAIL = 1024, 256
MAX_PATH, MAX_DEPTH = 4096, 20
MAX_TAGS, MAX_BATCH = 50, 100
MAX_REPOSITORIES = 1000
# CodeCommit has these limits of merges, but does not say how large they are.
MAX_DIVERGENCE, MAX_COMPARED_ITEMS, MAX_LOADED_FILES, MAX_RESOLUTIONS = 50_000, 100_000, 2_000, 1_000
MAX_TEXT = 16 * 1024 * 1024  # what is larger is binary, as for git (core.bigFileThreshold)
PAGE = 100

_REPOSITORY = re.compile(r"[\w.-]{1,100}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository's row. `default_branch` is None until its first branch exists."""

    id: str
    account: str
    region: str
    name: str
    description: str | None
    default_branch: str | None
    created: int
    modified: int
    tags: Mapping[str, str]
    kms_key: str | None = None  # the ARN of the key that it is kept under
    wrapped_secret: bytes = b""

    @property
    def arn(self) -> str:
        """The repository's ARN, whose last part is its name."""
        return repository_arn(self.region, self.account, self.name)


def repository_arn(region: str, account: str, name: str) -> str:
    """The ARN of a repository."""
    return f"arn:aws:codecommit:{region}:{account}:{name}"


def check_repository_name(name: str) -> None:
    """InvalidRepositoryNameException unless the name is one: letters, digits, `_.-`, and no .git at the end."""
    if not _REPOSITORY.match(name) or name.endswith(".git") or name in (".", ".."):
        raise AwsError("InvalidRepositoryNameException", f"Invalid repository name: {name[:100]}")


_PASSED_OVER = frozenset(map(chr, (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)))


def check_branch_name(name: str) -> None:
    """InvalidBranchNameException unless git takes the name for a branch."""
    if not is_valid_branch(name):
        raise AwsError("InvalidBranchNameException", f"Invalid branch name: {name[:256]}")


def check_commit_id(commit_id: str, code: str = "InvalidCommitIdException") -> None:
    """Raise `code` unless the text is a full commit id."""
    if not is_object_id(commit_id):
        raise AwsError(code, f"Invalid commit ID: {commit_id[:64]}. Supply a full, lower-case SHA-1 ID.")


def clean_path(path: str, *, folder: bool = False) -> str:
    """The path without a leading (for folders also a trailing) slash; InvalidPathException when it is no path."""
    text = path[1:] if path.startswith("/") else path
    if folder:
        text = text[:-1] if text.endswith("/") else text
        if not text:
            return ""
    names = text.split("/")
    if not text or len(path) > MAX_PATH or "\0" in text or any(name in ("", ".", "..") for name in names):
        raise AwsError("InvalidPathException", f"The specified path is not valid: {path[:200]}")
    return text


def check_new_path(path: str) -> str:
    """A path that may be written: at most 20 folders deep, and never into a `.git`."""
    text = clean_path(path)
    names = text.split("/")
    if len(names) > MAX_DEPTH or any(_is_git_folder(name) for name in names) or text.endswith("/"):
        raise AwsError("InvalidPathException", f"The specified path is not valid: {path[:200]}")
    return text


def _is_git_folder(name: str) -> bool:
    """Whether any system takes the name for `.git`: those of Apple pass over some characters, Windows parts at more."""
    seen = "".join(one for one in name.lower() if one not in _PASSED_OVER)
    return any(part.partition(":")[0].rstrip(" .") in (".git", "git~1") for part in seen.split("\\"))


def check_author(name: str, email: str, message: str) -> None:
    """The limits of a commit's name, e-mail and message."""
    if len(name) > MAX_NAME:
        raise AwsError("NameLengthExceededException", f"A name has at most {MAX_NAME} characters.")
    if len(email) > MAX_EMAIL or any(c in email for c in "<>\n\0"):
        raise AwsError("InvalidEmailException", f"The e-mail address is not valid or longer than {MAX_EMAIL}.")
    if len(message.encode()) > MAX_COMMIT_MESSAGE:
        raise AwsError("CommitMessageLengthExceededException", "A commit message has at most 256 KB.")


def check_tags(tags: Mapping[str, str], existing: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tags after adding; raises the exceptions for reserved keys, bad values and more than 50."""
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            raise AwsError("InvalidSystemTagUsageException", "Keys that begin with aws: are reserved.")
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise AwsError("InvalidTagsMapException", "A tag's key has 1-128 characters, its value up to 256.")
    merged = {**(existing or {}), **tags}
    if len(merged) > MAX_TAGS:
        raise AwsError("TooManyTagsException", f"A repository has at most {MAX_TAGS} tags.")
    return merged


def encode_token(**values: Any) -> str:
    """An opaque continuation token."""
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def decode_token(token: str | None, **expected: type) -> dict[str, Any]:
    """A token's values, empty without one; InvalidContinuationTokenException unless it holds just what we gave."""
    if not token:
        return {}
    try:
        values = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, binascii.Error):
        values = None
    if not isinstance(values, dict) or set(values) != set(expected):
        raise AwsError("InvalidContinuationTokenException", "The continuation token is not valid.")
    if any(type(values[key]) is not kind for key, kind in expected.items()):
        raise AwsError("InvalidContinuationTokenException", "The continuation token is not valid.")
    return values


@dataclass(frozen=True, slots=True)
class Intent:
    """A reference change that was begun: `batch` names the call that it belongs to."""

    batch: str
    repository_id: str
    ref: str
    old: str
    new: str


def judge(current: Mapping[str, str], open_intents: Iterable[Intent]) -> list[Intent]:
    """Which of one repository's open intents took effect, given the values that references hold now.

    An intent did when the reference holds its new value, or when another one that did started from that value.
    """
    waiting, happened = list(open_intents), []
    believed: dict[str, set[str]] = {}
    progress = True
    while progress:
        progress = False
        for intent in list(waiting):
            values = believed.setdefault(intent.ref, {current.get(intent.ref, ZERO)})
            if intent.new in values:
                values.discard(intent.new)
                values.add(intent.old)
                waiting.remove(intent)
                happened.append(intent)
                progress = True
    return list(reversed(happened))


def first_branch(refs: Sequence[str]) -> str | None:
    """The branch that becomes the default: main or master where pushed together with others, else the first."""
    branches = [ref.removeprefix("refs/heads/") for ref in refs if ref.startswith("refs/heads/")]
    for usual in ("main", "master"):
        if usual in branches:
            return usual
    return branches[0] if branches else None
