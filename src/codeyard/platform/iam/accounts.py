"""How accounts begin: each with its first administrator, who is an IAM user like any other from then on."""

from __future__ import annotations

from codeyard.engine import Kit
from codeyard.platform.iam import model
from codeyard.platform.iam.fresh import key_context, new_role, new_user
from codeyard.platform.iam.model import AccessKey
from codeyard.platform.iam.store import entities, keys, policies
from codeyard.platform.iam.store.tables import roles, users
from codeyard.storage import RootKeyError, Tx, dumps

Keys = tuple[str, str]
FIRST = "admin"


class Accounts:
    """Opens accounts."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def check_root_key(self) -> None:
        """RootKeyError where a secret of an access key does not open: root key or keyring are those of other data."""
        key = self._kit.db.read(keys.any_access_key)
        if key is not None:
            try:
                self._kit.sealer.open(key.secret, key_context(key.id))
            except ValueError:
                raise RootKeyError(
                    "this root key, or the keyring, is not the one of this data: nothing in the database opens by it. "
                    "Give the key that the server ran with before (--root-key SOURCE), or restore DIR/keyring"
                ) from None

    def open(self, account_id: str, alias: str) -> Keys | None:
        """Open an account with the IAM user `admin`, who has AdministratorAccess; its keys, or None where the account
        is there. Who has deleted that user since does not get it back."""
        user_id = model.unique_id(self._kit.ids, "AIDA")
        key, secret = self._fresh_key(account_id, user_id)

        def make(tx: Tx) -> bool:
            if entities.account_alias(tx, account_id) is not None:
                return False
            entities.add_account(tx, account_id, alias, tx.now)
            entities.insert(tx, users, **new_user(user_id, account_id, FIRST, "/", key.created))
            policies.attach(tx, user_id, model.arn("policy", "aws", "/", "AdministratorAccess"))
            keys.add(tx, key)
            return True

        return (key.id, secret) if self._kit.db.write(make) else None

    def is_there(self, tx: Tx, account: str) -> bool:
        """Whether there is such an account."""
        return entities.account_alias(tx, account) is not None

    def open_member(self, tx: Tx, account: str, name: str, management: str, role_name: str) -> None:
        """Open an account of an organization: it has no user, but a role with AdministratorAccess that trusts the
        management account."""
        role_id = model.unique_id(self._kit.ids, "AROA")
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{management}:root"}, "Action": "sts:AssumeRole"}
        entities.add_account(tx, account, "", tx.now)
        row = new_role(role_id, account, role_name, "/", dumps({"Version": "2012-10-17", "Statement": [trust]}), tx.now)
        entities.insert(tx, roles, **row)
        policies.attach(tx, role_id, model.arn("policy", "aws", "/", "AdministratorAccess"))

    def renew(self, account_id: str) -> Keys | None:
        """New keys for the user `admin`, whose first ones nobody knows any more: the oldest key makes room. None where
        there is no such user."""
        user = self._kit.db.read(lambda tx: entities.user(tx, account_id, FIRST))
        if user is None:
            return None
        key, secret = self._fresh_key(account_id, user.id)

        def renew(tx: Tx) -> bool:
            if entities.user_by_id(tx, user.id) is None:
                return False
            held = sorted(keys.of_user(tx, AccessKey, user.id), key=lambda one: one.created)
            for oldest in held[:1]:
                keys.delete(tx, AccessKey, oldest.id)
            keys.add(tx, key)
            return True

        return (key.id, secret) if self._kit.db.write(renew) else None

    def _fresh_key(self, account_id: str, user_id: str) -> tuple[AccessKey, str]:
        ids = self._kit.ids
        key_id, secret = model.access_key_id(ids, "AKIA", account_id), ids.token(40, model.SECRET)
        sealed = self._kit.sealer.seal(secret.encode("ascii"), key_context(key_id))
        return AccessKey(key_id, user_id, account_id, "Active", sealed, self._kit.clock.now()), secret
