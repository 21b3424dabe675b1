"""The account's password policy."""

from __future__ import annotations

from codeyard.contract import AwsError, Context, Params
from codeyard.platform.iam import errors
from codeyard.platform.iam.api.base import Answer, Room
from codeyard.platform.iam.passwordpolicy import SETTING, PasswordPolicy
from codeyard.platform.iam.store import settings
from codeyard.storage import Tx


class PasswordPolicies(Room):
    """Operations on the password policy."""

    def update_account_password_policy(self, ctx: Context, req: Params) -> Answer:
        """Put the whole policy: what the request leaves out goes back to AWS's default."""
        policy = PasswordPolicy.of(req)

        def put(tx: Tx) -> Answer:
            settings.put(tx, ctx.account, SETTING, policy.members())
            return {}

        return ctx.write(put)

    def get_account_password_policy(self, ctx: Context, req: Params) -> Answer:
        """The policy, where the account has set one."""
        found = self._read(lambda tx: settings.get(tx, ctx.account, SETTING))
        if found is None:
            raise _absent(ctx)
        return {"PasswordPolicy": PasswordPolicy.of(found).answer()}

    def delete_account_password_policy(self, ctx: Context, req: Params) -> Answer:
        """Go back to AWS's default policy."""

        def remove(tx: Tx) -> Answer:
            if not settings.drop(tx, ctx.account, SETTING):
                raise _absent(ctx)
            return {}

        return ctx.write(remove)


def _absent(ctx: Context) -> AwsError:
    return errors.no_such(f"The Password Policy with domain name {ctx.account} cannot be found.")
