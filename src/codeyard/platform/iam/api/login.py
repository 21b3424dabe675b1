"""Login profiles: passwords for the console, kept as scrypt hashes, held to the account's password policy."""

from __future__ import annotations

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.iam import errors
from codeyard.platform.iam.api.base import Answer, Room, find_user, user_name
from codeyard.platform.iam.model import User
from codeyard.platform.iam.passwordpolicy import SETTING, PasswordPolicy, refuse_weak, violation
from codeyard.platform.iam.store import entities, settings
from codeyard.platform.iam.store.tables import users
from codeyard.storage import Tx


class LoginProfiles(Room):
    """Operations on console passwords."""

    def create_login_profile(self, ctx: Context, req: Params) -> Answer:
        """Give a user a console password."""
        name = user_name(ctx, req)
        if "Password" not in req:
            raise errors.validation("Password is required.")
        refuse_weak(req["Password"], self._password_policy(ctx), name)
        hashed = self.passwords.hash(req["Password"])

        def make(tx: Tx) -> Answer:
            user = find_user(tx, ctx, name)
            if user.password:
                raise errors.exists(f"Login Profile for user {user.name} already exists.")
            reset = int(bool(req.get("PasswordResetRequired")))
            entities.update(tx, users, user.id, password=hashed, password_created=ctx.now, password_reset=reset)
            settings.remember_password(tx, user.id, ctx.now, hashed)
            return {"LoginProfile": _answer(find_user(tx, ctx, name))}

        return ctx.write(make)

    def get_login_profile(self, ctx: Context, req: Params) -> Answer:
        """When a user's password was made."""
        name = user_name(ctx, req)
        return {"LoginProfile": _answer(self._read(lambda tx: _with_password(tx, ctx, name)))}

    def update_login_profile(self, ctx: Context, req: Params) -> Answer:
        """Change a user's password, or whether the user must change it."""
        values: dict[str, object] = {}
        if "Password" in req:
            self._refuse_password(ctx, self._read(lambda tx: _with_password(tx, ctx, req["UserName"])), req["Password"])
            values["password"] = self.passwords.hash(req["Password"])
        if "PasswordResetRequired" in req:
            values["password_reset"] = int(bool(req["PasswordResetRequired"]))

        def change(tx: Tx) -> Answer:
            user = _with_password(tx, ctx, req["UserName"])
            if values:
                entities.update(tx, users, user.id, **values)
            if "password" in values:
                settings.remember_password(tx, user.id, ctx.now, str(values["password"]))
            return {}

        return ctx.write(change)

    def delete_login_profile(self, ctx: Context, req: Params) -> Answer:
        """Take a user's console password away."""
        name = user_name(ctx, req)

        def remove(tx: Tx) -> Answer:
            entities.update(tx, users, _with_password(tx, ctx, name).id, password="", password_reset=0)
            return {}

        return ctx.write(remove)

    def change_password(self, ctx: Context, req: Params) -> Answer:
        """Change the calling user's own password."""
        if ctx.principal.kind != "user":
            raise AwsError("InvalidUserTypeException", "Only IAM Users can change their own password.")
        user = self._read(lambda tx: _with_password(tx, ctx, ctx.principal.name))
        if not self.passwords.verify(req["OldPassword"], user.password):
            raise AwsError("AccessDenied", "The old password was incorrect.", status=403)
        self._refuse_password(ctx, user, req["NewPassword"])
        hashed = self.passwords.hash(req["NewPassword"])

        def change(tx: Tx) -> Answer:
            if _with_password(tx, ctx, user.name).password != user.password:
                raise AwsError("EntityTemporarilyUnmodifiableException", "The password was changed meanwhile.")
            entities.update(tx, users, user.id, password=hashed, password_reset=0)
            settings.remember_password(tx, user.id, ctx.now, hashed)
            return {}

        return ctx.write(change)

    def _password_policy(self, ctx: Context) -> PasswordPolicy | None:
        found = self._read(lambda tx: settings.get(tx, ctx.account, SETTING))
        return None if found is None else PasswordPolicy.of(found)

    def _refuse_password(self, ctx: Context, user: User, password: str) -> None:
        """Refuse a password that is too weak, or that the user had lately where the policy minds."""
        policy = self._password_policy(ctx)
        refuse_weak(password, policy, user.name)
        most = policy.PasswordReusePrevention if policy is not None else 0
        past = self._read(lambda tx: settings.past_passwords(tx, user.id, most)) if most else []
        if any(self.passwords.verify(password, hashed) for _, hashed in past):
            raise violation(f"Password should not be one of the last {most} passwords used")


def _with_password(tx: Tx, ctx: Context, name: str) -> User:
    user = find_user(tx, ctx, name)
    if not user.password:
        raise errors.no_such(f"Login Profile for User {user.name} cannot be found.")
    return user


def _answer(user: User) -> Answer:
    return {
        "UserName": user.name,
        "CreateDate": whole_second(user.password_created),
        "PasswordResetRequired": user.password_reset,
    }
