"""From what a request says to the key that it means: by id, ARN, alias or alias ARN, with the keys that AWS manages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError
from codeyard.engine import Kit
from codeyard.platform.kms import material, policy, store
from codeyard.platform.kms.errors import no_alias, no_key, no_such_id
from codeyard.platform.kms.model import CURRENT, DAY, DEFAULT_ROTATION_DAYS, ENABLED, OWN, Alias, Found, Key, Material
from codeyard.platform.kms.specs import ENCRYPT, SPECS, SYMMETRIC

ROTATION = "kms.rotation"
# Services whose own key is made when it is first asked for: alias/aws/<name>.
SERVICES = frozenset(
    {"codeartifact", "codecommit", "codeguru-reviewer", "lambda", "s3", "secretsmanager", "sns", "sqs", "ssm"}
)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ARN = re.compile(r"arn:aws[a-z-]*:kms:([a-z0-9-]*):(\d{12}):(key/[A-Za-z0-9-]+|alias/[A-Za-z0-9:/_-]+)")


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a key is looked for: `name` is `key/ID` or `alias/NAME`."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """As an ARN."""
        return f"arn:aws:kms:{self.region}:{self.account}:{self.name}"

    @property
    def alias(self) -> str:
        """The alias's name, empty for a reference by id."""
        return self.name if self.name.startswith("alias/") else ""


def reference(given: str, account: str, region: str) -> Reference | None:
    """What a request's KeyId points at, None where it is of no form that a key has."""
    if given.startswith("arn:"):
        found = _ARN.fullmatch(given)
        return Reference(found.group(2), found.group(1), found.group(3)) if found else None
    if given.startswith("alias/"):
        return Reference(account, region, given)
    return Reference(account, region, f"key/{given}") if _ID.fullmatch(given) else None


def look_up(tx: Any, at: Reference) -> Key | None:
    """The key at a reference."""
    if at.alias:
        alias = store.alias(tx, at.account, at.region, at.alias)
        return None if alias is None else store.key(tx, alias.key_id)
    key = store.key(tx, at.name.removeprefix("key/"))
    return key if key is not None and (key.account, key.region) == (at.account, at.region) else None


def with_names(tx: Any, key: Key) -> Found:
    """The key with its aliases and grants."""
    return Found(key, tuple(one.name for one in store.aliases_of(tx, key.id)), tuple(store.grants_of(tx, key.id)))


def key_at(tx: Any, given: str, account: str, region: str, *, aliases: bool) -> Key:
    """The key that a request means; NotFoundException or InvalidArnException in KMS's words."""
    at = reference(given, account, region)
    if at is None:
        raise _unreadable(given)
    if at.alias and not aliases:
        raise no_such_id(given)
    if at.region != region:
        raise AwsError("NotFoundException", f"Invalid arn {at.region}")
    key = look_up(tx, at)
    if key is None:
        raise no_alias(at.arn) if at.alias else no_key(at.arn)
    return key


def _unreadable(given: str) -> AwsError:
    if given.startswith("arn:"):
        return AwsError("NotFoundException", f"Invalid arn {given}")
    return no_such_id(given)


class ManagedKeys:
    """The keys that AWS manages for its services: one for a service, account and region, made on first use."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def ensure(self, at: Reference, account: str, region: str) -> None:
        """Make the key behind alias/aws/<service> of the caller's own account, if it is not there yet."""
        service = at.alias.removeprefix("alias/aws/")
        if service not in SERVICES or not at.alias.startswith("alias/aws/"):
            return
        if (at.account, at.region) != (account, region) or self._there(at):
            return
        key, secret = self._new(service, at)

        def write(tx: Any) -> None:
            if store.alias(tx, at.account, at.region, at.alias) is not None:
                return
            add_with_material(tx, key, secret)
            store.add_alias(tx, Alias(at.account, at.region, at.alias, key.id, key.created, key.created))
            tx.timer(ROTATION, key.id, key.rotation_at)

        self._kit.db.write(write)

    def _there(self, at: Reference) -> bool:
        return self._kit.db.read(lambda tx: store.alias(tx, at.account, at.region, at.alias)) is not None

    def _new(self, service: str, at: Reference) -> tuple[Key, Material]:
        now = self._kit.clock.now()
        key = Key(
            id=self._kit.ids.uuid(),
            account=at.account,
            region=at.region,
            description=f"Default key that protects my {service} resources when no other key is defined",
            usage=ENCRYPT,
            spec=SYMMETRIC,
            origin=OWN,
            manager="AWS",
            state=ENABLED,
            policy=policy.managed(service, at.account, at.region),
            tags={},
            created=now,
            rotation_days=DEFAULT_ROTATION_DAYS,
            rotation_at=now + DEFAULT_ROTATION_DAYS * DAY,
        )
        return key, sealed_material(self._kit, key.id, material.generate(SPECS[SYMMETRIC], self._kit.ids), 1, CURRENT)


def sealed_material(kit: Kit, key_id: str, secret: bytes, number: int, state: str, **facts: Any) -> Material:
    """A generation of material as it is kept: sealed under the root key, bound to its key and name."""
    name = material.material_id(key_id, secret)
    sealed = kit.sealer.seal(secret, context(key_id, name))
    return Material(key_id, name, number, sealed, state, kit.clock.now(), **facts)


def context(key_id: str, material_id: str) -> str:
    """What sealed material is bound to."""
    return f"kms.material:{key_id}:{material_id}"


def add_with_material(tx: Any, key: Key, secret: Material) -> None:
    """Insert a key together with its first material."""
    store.add_key(tx, key)
    store.add_material(tx, secret)
    store.change_key(tx, key.id, current=secret.id)
