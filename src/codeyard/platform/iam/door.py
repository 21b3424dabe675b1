"""IAM's door: who are you, what may you do. The gateway and the doors call it through Protocols of their own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from codeyard.contract import AwsError, Check, Principal, access_denied, service_principal
from codeyard.engine import Kit
from codeyard.outbound import Outbound
from codeyard.platform.iam import model
from codeyard.platform.iam.callers import Callers, Compiler, Guardrails, Kept, arn_of, entity_of
from codeyard.platform.iam.fresh import key_context
from codeyard.platform.iam.issuers import Issuers
from codeyard.platform.iam.limits import refuse_beyond_session
from codeyard.platform.iam.managed import AwsManaged
from codeyard.platform.iam.messages import Messages
from codeyard.platform.iam.mfa import Mfa
from codeyard.platform.iam.model import AccessKey, Role, SshKey, Tags, User
from codeyard.platform.iam.outbound import OutboundFederation
from codeyard.platform.iam.passwordpolicy import SETTING, PasswordPolicy
from codeyard.platform.iam.passwords import Passwords
from codeyard.platform.iam.policy import Caller, Decision, Identity, Request, decide, parse
from codeyard.platform.iam.policy.decide import ALLOWED
from codeyard.platform.iam.policy.request import Values
from codeyard.platform.iam.sessions import Session, SessionPrincipal, Sessions
from codeyard.platform.iam.store import ended, entities, keys, policies, settings
from codeyard.platform.iam.store.tables import CHANNEL
from codeyard.platform.iam.touches import Touches
from codeyard.platform.iam.webidentity import WebIdentities, WebIdentity
from codeyard.storage import Tx

SECOND = 1_000_000
_MUST_CHANGE = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*",'
    '"Action":["iam:ChangePassword","iam:GetAccountPasswordPolicy"]}]}'
)
_SERVICE_SESSION_S = 3600
_RENEW_BEFORE_S = 300
_GIT_KEPT = 60 * SECOND
_ARN = re.compile(r"arn:[^:]*:[^:]*:[^:]*:(\d{12}):")
_ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role(/(?:.+/)?)([\w+=,.@-]{1,64})")


@dataclass(frozen=True, slots=True)
class Credential:
    """What an access key id stands for."""

    secret: str
    principal: Principal


class IamDoor:
    """Credentials to principals, principals and checks to decisions. Everything kept is dropped at every change."""

    def __init__(self, kit: Kit, guardrails: Guardrails = lambda tx, account: None) -> None:
        self._kit = kit
        self._aws, self._compiler = AwsManaged(), Compiler()
        self._sessions = Sessions(kit.clock, kit.ids, kit.sealer)
        self._passwords = Passwords(kit.ids)
        self.messages, self.outbound = Messages(kit.sealer), OutboundFederation(kit)
        self.mfa = Mfa(kit.db, kit.clock, kit.sealer)
        outbound = Outbound(allow_private=kit.settings.allow_private_outbound)
        self._bearers = WebIdentities(kit.db, kit.clock, Issuers(outbound, kit.clock))
        self._callers = Callers(kit.db, self._aws, self._compiler, guardrails)
        self._credentials, self._git, self._assumed = Kept(), Kept(1024), Kept(4096)
        self._git_key = kit.ids.bytes(32)
        self._touches = Touches(kit.db, kit.clock)
        kit.db.subscribe(CHANNEL, lambda message: self._changed())

    def _changed(self) -> None:
        self._callers.drop()
        for kept in (self._credentials, self._git, self._assumed):
            kept.drop()

    # Who are you?

    def credential(self, access_key_id: str, session_token: str) -> Credential:
        """The credential of a key; raises AwsError InvalidClientTokenId or ExpiredToken."""
        place = (access_key_id, session_token)
        found = self._credentials.get(place, lambda: self._credential(access_key_id, session_token))
        if found is None:
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", status=403)
        expires = found.principal.expires_at
        if expires is not None and expires <= self._kit.clock.now():
            raise AwsError("ExpiredToken", "The security token included in the request is expired", status=403)
        return found

    def _credential(self, key_id: str, token: str) -> Credential | None:
        if not token:
            return self._kit.db.read(lambda tx: self._long_term(tx, key_id))
        session = self._sessions.open(key_id, token)
        return None if session is None else self._kit.db.read(lambda tx: self._temporary(tx, session))

    def _long_term(self, tx: Tx, key_id: str) -> Credential | None:
        key = keys.one(tx, AccessKey, key_id)
        if key is None or key.status != "Active":
            return None
        user = entities.user_by_id(tx, key.user_id)
        if user is None:
            return None
        secret = self._kit.sealer.open(key.secret, key_context(key.id)).decode("ascii")
        return Credential(secret, user_principal(user, key.id))

    def _temporary(self, tx: Tx, session: Session) -> Credential | None:
        """A session counts as long as the user or role behind it is there; it goes by the user's present name."""
        principal: Principal = session.principal
        if principal.kind == "root":
            return Credential(session.secret, principal)
        entity = entity_of(tx, principal)
        if entity is None or _is_ended(tx, principal):
            return None
        if principal.kind == "user":
            principal = replace(principal, arn=arn_of(entity), name=entity.name)
        return Credential(session.secret, principal)

    def git_credential(self, user_name: str, password: str) -> Principal | None:
        """The user behind IAM Git credentials, or None. A right answer is kept for a minute, under a keyed hash."""
        text = f"{len(user_name)}:{user_name}{password}".encode("utf-8", "surrogatepass")
        place = hmac.digest(self._git_key, text, hashlib.sha256)
        now = self._kit.clock.now()
        found = self._git.get(place, lambda: self._checked_git(user_name, password, now))
        if found is not None and not now - _GIT_KEPT <= found[1] <= now:
            self._git.drop()
            found = self._git.get(place, lambda: self._checked_git(user_name, password, now))
        return None if found is None else found[0]

    def _checked_git(self, user_name: str, password: str, now: int) -> tuple[Principal, int] | None:
        stored, user = self._kit.db.read(lambda tx: _git_user(tx, user_name))
        if not self._passwords.verify(password, stored) or user is None:
            return None
        return user_principal(user), now

    def ssh_key(self, key_id: str) -> tuple[Principal, str] | None:
        """The user that an active SSH public key stands for, and the key in OpenSSH's form; else None."""

        def look(tx: Tx) -> tuple[User, SshKey] | None:
            key = keys.one(tx, SshKey, key_id)
            user = entities.user_by_id(tx, key.user_id) if key is not None and key.status == "Active" else None
            return None if key is None or user is None else (user, key)

        found = None if "\0" in key_id else self._kit.db.read(look)
        return None if found is None else (user_principal(found[0], key_id), found[1].body)

    def ssh_signer(self, account: str, key: bytes) -> str | None:
        """The name of the account's user whose active SSH public key this is, as OpenSSH encodes it; else None."""
        body = base64.b64encode(key).decode("ascii")

        def look(tx: Tx) -> str | None:
            for held in keys.ssh_keys_of(tx, model.ssh_fingerprint(key)):
                user = entities.user_by_id(tx, held.user_id) if held.status == "Active" else None
                if user is not None and user.account == account and held.body.split()[1] == body:
                    return user.name
            return None

        return self._kit.db.read(look)

    def console_login(self, account: str, user_name: str, password: str, code: str = "") -> Principal | None:
        """The user behind a console password, or None; who has MFA devices needs a code of one.

        Whose password must be changed first, or is too old, may do nothing else; under a policy of hard expiry who has
        an old one is not let in.
        """

        def look(tx: Tx) -> User | None:
            number = entities.account_named(tx, account)
            return entities.user(tx, number, user_name) if number else None

        user = self._kit.db.read(look)
        right = self._passwords.verify(password, user.password if user is not None else "")
        if user is None or not right:
            return None
        user_id, now = user.id, self._kit.clock.now()
        policy, set_at = self._kit.db.read(lambda tx: _password_facts(tx, user))
        old = policy.is_expired(set_at, now)
        if old and policy.HardExpiry:
            return None
        principal = self.mfa.admit(user_principal(user), code)
        if principal is None:
            return None
        self._kit.db.write(lambda tx: keys.touch_password(tx, user_id, now))
        return replace(principal, session_policies=(_MUST_CHANGE,)) if user.password_reset or old else principal

    def bearer(self, operation: str, params: Mapping[str, Any]) -> Principal:
        """Who brings the token that an operation carries instead of a signature."""
        return self._bearers.principal(str(params.get("RoleArn", "")), str(params.get("WebIdentityToken", "")))

    def account_named(self, account: str) -> str | None:
        """The number of an account that is there, by its number or alias."""
        return self._kit.db.read(lambda tx: entities.account_named(tx, account))

    def user_named(self, account: str, user_name: str) -> Principal | None:
        """An IAM user as a principal, for who needs no password: whoever holds the data folder."""
        user = self._kit.db.read(lambda tx: entities.user(tx, account, user_name))
        return None if user is None else user_principal(user)

    # What may you do?

    def authorize(
        self, principal: Principal, checks: Sequence[Check], keys: Mapping[str, str | Sequence[str]]
    ) -> Decision:
        """Whether every check holds; the first refusal wins. No checks at all is a refusal."""
        if not checks:
            return Decision(False, f"User: {principal.arn} is not authorized to perform this operation")
        if keys.get("aws:ViaAWSService") != "true":
            refuse_beyond_session(principal, checks[0].action)
        bound = self._callers.bound(principal)
        own = bound.keys if principal.mfa_at is None else {**bound.keys, **self._mfa_age(principal.mfa_at)}
        self._touches.touch(principal, checks[0], keys)
        for check in checks:
            request = _request(bound.caller, check, keys, own)
            decision = self._decide(bound.caller, check, request)
            if not decision.allowed and check.shown:
                return replace(decision, message=decision.message.replace(check.resource, check.shown))
            if not decision.allowed:
                encoded = self.messages.encode(principal, bound.caller, check, request, decision)
                return replace(decision, encoded=encoded)
        return ALLOWED

    def _mfa_age(self, since: int) -> dict[str, Values]:
        return {"aws:multifactorauthage": str(max(0, (self._kit.clock.now() - since) // SECOND))}

    def _decide(self, caller: Caller, check: Check, request: Request) -> Decision:
        policy = self._compiler.resource(check.policy) if check.policy else None
        return decide(caller, request, check.action, policy, _owner(caller, check), granted=check.granted)

    # Roles and sessions.

    def role(self, role_arn: str) -> Role | None:
        """The role of an ARN as it stands."""
        named = _ROLE_ARN.fullmatch(role_arn)
        if named is None:
            return None
        account, path, name = named.groups()
        found = self._kit.db.read(lambda tx: entities.role(tx, account, name))
        return found if found is not None and (found.path, found.name) == (path, name) else None

    def role_session(
        self,
        role: Role,
        session_name: str,
        *,
        policies: tuple[str, ...] = (),
        tags: Tags = (),
        transitive: tuple[str, ...] = (),
        source_identity: str = "",
        invoked_by: str = "",
        duration_s: int = _SERVICE_SESSION_S,
        provider: str = "",
    ) -> SessionPrincipal:
        """The principal of a role's session that begins now."""
        now = self._kit.clock.now()
        return SessionPrincipal(
            "role",
            role.account,
            model.session_arn(role.account, role.name, session_name),
            principal_id=f"{role.id}:{session_name}",
            name=role.name,
            role_arn=arn_of(role),
            session_name=session_name,
            session_policies=policies,
            tags=tags,
            issued_at=now,
            expires_at=now + duration_s * SECOND,
            source_identity=source_identity,
            invoked_by=invoked_by,
            transitive=transitive,
            provider=provider,
        )

    def assume_for_service(
        self, role_arn: str, *, service: str, session_name: str, source_arn: str, region: str
    ) -> Principal:
        """The session of a role that a service assumes; AccessDenied unless the trust policy lets the service in."""
        place = (role_arn, service, session_name, source_arn, region)

        def fresh() -> SessionPrincipal:
            return self._assume(role_arn, service, session_name, source_arn, region)

        found = self._assumed.get(place, fresh)
        assert found is not None
        if (found.expires_at or 0) - _RENEW_BEFORE_S * SECOND <= self._kit.clock.now():
            self._assumed.drop()
            found = self._assumed.get(place, fresh)
            assert found is not None
        return found

    def _assume(self, role_arn: str, service: str, name: str, source_arn: str, region: str) -> SessionPrincipal:
        role = self.role(role_arn)
        caller = Caller(Identity.of(service_principal(service)))
        now = self._kit.clock.now() // SECOND
        call: dict[str, Values] = {
            "aws:RequestedRegion": region,
            "aws:EpochTime": str(now),
            "aws:CurrentTime": str(now),
            "aws:PrincipalIsAWSService": "true",
            "aws:PrincipalServiceName": service,
            "sts:RoleSessionName": name,
        }
        if source_arn:
            call["aws:SourceArn"] = source_arn
            call["aws:SourceAccount"] = _account_in(source_arn) or (role.account if role is not None else "")
        trust = role.trust if role is not None else None
        check = Check("sts:AssumeRole", role_arn, policy=trust)
        decision = self._decide(caller, check, _request(caller, check, call, {}))
        if role is None or not decision.allowed:
            raise access_denied(decision.message, "AccessDenied")
        return self.role_session(role, _clean(name), invoked_by=service)

    def federated_session(
        self, user: Principal, name: str, *, policies: tuple[str, ...] = (), tags: Tags = ()
    ) -> SessionPrincipal:
        """The principal of a federated user; it counts as long as the very user who vouches for it is there."""
        return SessionPrincipal(
            "federated",
            user.account,
            f"arn:aws:sts::{user.account}:federated-user/{name}",
            principal_id=f"{user.account}:{name}",
            name=name,
            role_arn=user.arn,
            session_policies=policies,
            tags=tags,
            issuer_id=user.principal_id,
        )

    def session_credentials(self, principal: Principal, duration_s: int, policy: str = "") -> dict[str, Any]:
        """Temporary keys for the principal, in the shape of STS's Credentials; a session policy more, where given."""
        if policy and isinstance(principal, SessionPrincipal):
            principal = replace(principal, session_policies=(*principal.session_policies, policy))
        return self._sessions.mint(principal, min(max(duration_s, 900), 129_600))[1]

    def end_sessions(self, role_arn: str, session_name: str) -> None:
        """End the role's sessions of this name: the keys that they were given count from now on for nobody."""
        role = self.role(role_arn)
        if role is not None:
            self._kit.db.write(lambda tx: ended.end(tx, role.id, _clean(session_name)))

    def transitive_tags(self, principal: Principal) -> tuple[str, ...]:
        """The keys of the session's tags that pass on to the roles it assumes."""
        return principal.transitive if isinstance(principal, SessionPrincipal | WebIdentity) else ()

    def audience(self, principal: Principal) -> str:
        """Whom a web identity's token is for."""
        return principal.audience if isinstance(principal, WebIdentity) else ""

    def check_policy(self, text: str) -> None:
        """Refuse a session policy that is malformed."""
        parse(text, "identity")

    def managed_policy_exists(self, policy_arn: str, account: str) -> bool:
        """Whether a managed policy of AWS's or of the account has that ARN."""
        if self._aws.document(policy_arn) is not None:
            return True
        found = self._kit.db.read(lambda tx: policies.managed(tx, policy_arn))
        return found is not None and found.account == account

    def account_of_key(self, key_id: str) -> str | None:
        """The account that an access key id carries."""
        return model.account_of_key(key_id)


def user_principal(user: User, key_id: str = "") -> Principal:
    """An IAM user as a principal."""
    return Principal("user", user.account, arn_of(user), principal_id=user.id, name=user.name, access_key_id=key_id)


def _password_facts(tx: Tx, user: User) -> tuple[PasswordPolicy, int]:
    """The account's password policy, and when the user's password was set."""
    policy = PasswordPolicy.of(settings.get(tx, user.account, SETTING) or {})
    return policy, settings.password_set_at(tx, user.id, user.password_created)


def _git_user(tx: Tx, user_name: str) -> tuple[str, User | None]:
    found = keys.credential_named(tx, user_name)
    if found is None or found.status != "Active" or found.service != "codecommit.amazonaws.com":
        return "", None
    return found.password, entities.user_by_id(tx, found.user_id)


def _owner(caller: Caller, check: Check) -> str:
    return check.owner or _account_in(check.resource) or caller.identity.account


def _request(caller: Caller, check: Check, call: Mapping[str, Values], own: Mapping[str, Values]) -> Request:
    return Request(check.action, check.resource, call, {"aws:ResourceAccount": _owner(caller, check)}, own, check.keys)


def _account_in(arn: str) -> str:
    found = _ARN.match(arn)
    return found.group(1) if found else ""


def _clean(session_name: str) -> str:
    """A session's name in the letters that STS allows."""
    return re.sub(r"[^\w+=,.@-]", "-", session_name, flags=re.ASCII)[:64].ljust(2, "-")


def _is_ended(tx: Tx, principal: Principal) -> bool:
    role_id, _, name = principal.principal_id.partition(":")
    return principal.kind == "role" and ended.is_ended(tx, role_id, name, principal.issued_at)
