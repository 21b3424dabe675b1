"""Log groups under KMS keys: one data key an association, unwrapped by the service itself and kept for a while.

What was written before an association stays as it was, and what was written under a key stays under it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from codeyard.contract import AwsError, Client, Sealer
from codeyard.engine import Kit
from codeyard.engine.data_keys import DataKeys, Made
from codeyard.platform.cloudwatch_logs import store
from codeyard.platform.cloudwatch_logs.errors import invalid
from codeyard.platform.cloudwatch_logs.model import Group

_MARK, _ID, _NONCE = b"\x05", 32, 12
_BOUND = 10_000
_NOT_USABLE = frozenset(
    {
        "NotFoundException",
        "DisabledException",
        "KMSInvalidStateException",
        "InvalidKeyUsageException",
        "InvalidArnException",
        "ValidationException",
    }
)


class NeedsKeys(Exception):
    """A batch is under a key that was not brought along."""


class GroupKey(NamedTuple):
    """A group's new data key."""

    id: str
    kms_key: str
    wrapped: bytes


class GroupSealer:
    """A Sealer for one group's batches; NeedsKeys where it lacks a key, the refusal where KMS refused one."""

    def __init__(self, kit: Kit, opened: Mapping[str, bytes | AwsError], current: str | None) -> None:
        self._root: Sealer = kit.sealer
        self._random, self._opened, self._current = kit.ids.bytes, opened, current

    def check(self, group: Group) -> None:
        """OperationAbortedException unless this seals as the group wants it now."""
        if group.data_key != self._current:
            raise AwsError("OperationAbortedException", "The key of the log group is being changed; try again.")

    def seal(self, plain: bytes, context: str) -> bytes:
        """Under the group's key, or the root key where it has none."""
        if self._current is None:
            return self._root.seal(plain, context)
        head, nonce = _MARK + self._current.encode(), self._random(_NONCE)
        return head + nonce + AESGCM(self._key(self._current)).encrypt(nonce, plain, head + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The plaintext, whichever key it is under."""
        if sealed[:1] != _MARK:
            return self._root.open(sealed, context)
        head, rest = sealed[: 1 + _ID], sealed[1 + _ID :]
        cipher = AESGCM(self._key(head[1:].decode()))
        try:
            return cipher.decrypt(rest[:_NONCE], rest[_NONCE:], head + context.encode())
        except InvalidTag:
            raise ValueError("the sealed value does not open") from None

    def _key(self, key_id: str) -> bytes:
        found = self._opened.get(key_id)
        if found is None:
            raise NeedsKeys
        if isinstance(found, AwsError):
            raise found
        return found


class GroupKeys:
    """Makes and opens the data keys of groups, as the service: the key's policy has to let it in."""

    def __init__(self, kit: Kit) -> None:
        self._kit, self._data_keys = kit, DataKeys(kit.db, kit.clock)
        self.none = GroupSealer(kit, {}, None)
        self._without: set[tuple[str, str, str]] = set()
        kit.db.subscribe(store.KEYS_CHANGED, lambda message: self._forget())

    def make(self, group: Group, key_arn: str) -> GroupKey:
        """A data key for the group; InvalidParameterException or AccessDeniedException where the key is not for it."""
        if not key_arn.startswith("arn:"):
            raise invalid("The KMS key is named by its Amazon Resource Name (ARN).")
        with _told(group):
            made = self._data_keys.make(self._client(group), key_arn, _context(group))
        return GroupKey(self._kit.ids.uuid().replace("-", ""), made.key, made.wrapped)

    def to_write(self, account: str, region: str, name: str) -> GroupSealer:
        """What seals new events of the group of that name; that most have no key is remembered."""
        without, place = self._without, (account, region, name)
        if place in without:
            return self.none
        group = self._kit.db.read(lambda tx: store.group(tx, *place))
        if group is not None and group.data_key is not None:
            return self.of(group)
        if group is not None and len(without) < _BOUND:
            without.add(place)
        return self.none

    def _forget(self) -> None:
        self._without = set()

    def of(self, group: Group) -> GroupSealer:
        """What opens everything of the group, and seals as it wants it now."""
        rows = self._kit.db.read(lambda tx: store.keys_of(tx, group.id))
        opened = {row.id: self._opened(group, Made(row.kms_key, bytes(row.wrapped))) for row in rows}
        return GroupSealer(self._kit, opened, group.data_key)

    def _opened(self, group: Group, made: Made) -> bytes | AwsError:
        try:
            with _told(group):
                return self._data_keys.open(self._client(group), made, _context(group))
        except AwsError as refusal:
            return refusal

    def _client(self, group: Group) -> Client:
        service, place = f"logs.{group.region}.amazonaws.com", {"account": group.account, "region": group.region}
        return self._kit.clients.as_service(service, **place, source_arn=group.arn)


def _context(group: Group) -> dict[str, str]:
    return {"aws:logs:arn": group.arn}


@contextmanager
def _told(group: Group) -> Iterator[None]:
    """The key service's refusals as CloudWatch Logs tells them."""
    try:
        yield
    except AwsError as error:
        said = f"The specified KMS key does not exist or is not allowed to be used with Arn '{group.arn}'"
        if error.code == "AccessDeniedException":
            raise AwsError("AccessDeniedException", said, status=400) from None
        if error.code in _NOT_USABLE:
            raise invalid(f"{said}: {error.message}") from None
        raise
