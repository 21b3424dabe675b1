"""Operations on a repository's triggers."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codecommit import store, triggers
from codeyard.services.codecommit.api.base import Base, no_repository
from codeyard.services.codecommit.reading import Reader

_SAMPLE = {"commit": "5c4ef1049f1d27deadbeeff313e0730018be182b", "ref": "refs/heads/main"}


class Triggers(Base):
    """Read, replace and test the triggers of a repository."""

    def get_repository_triggers(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The triggers, and the id of the configuration that they came with, if there ever was one."""
        repository = self._get(ctx, req)
        configuration, found = self._kit.db.read(lambda tx: store.triggers(tx, repository.id))
        return {"triggers": found, **({"configurationId": configuration} if configuration else {})}

    def put_repository_triggers(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Replace all triggers; an empty list removes them."""
        repository = self._get(ctx, req)
        wanted = triggers.check(req["triggers"], repository.region)
        configuration = self._kit.ids.uuid()

        def write(tx: Any) -> dict[str, Any]:
            if store.get_by_id(tx, repository.id) is None:
                raise no_repository(repository.name)
            store.put_triggers(tx, repository.id, configuration, wanted)
            return {"configurationId": configuration}

        return ctx.write(write)

    def test_repository_triggers(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Send a test message to each destination now, with the default branch's last commit if there is one."""
        reader = self._open(ctx, req)
        wanted = triggers.check(req["triggers"], reader.repository.region)
        sender = triggers.Sender(self._kit.clients)
        good, bad = [], []
        for trigger in wanted:
            try:
                sender.publish(self._test(ctx, reader, trigger))
            except AwsError as error:
                bad.append({"trigger": trigger["name"], "failureMessage": f"{error.code}: {error.message}"})
            else:
                good.append(trigger["name"])
        return {"successfulExecutions": good, "failedExecutions": bad}

    def _test(self, ctx: Context, reader: Reader, trigger: triggers.Trigger) -> dict[str, Any]:
        repository, now = reader.repository, self._kit.clock.now()
        branch = repository.default_branch
        tip = reader.branch_tip(branch) if branch else None
        reference = {"commit": tip, "ref": f"refs/heads/{branch}"} if tip else _SAMPLE
        facts = {"eventId": self._kit.ids.uuid(), "eventName": "TriggerEventTest", "eventPartNumber": 1}
        facts |= {"eventTotalParts": 1, "eventTriggerConfigId": None, "userIdentityARN": ctx.principal.arn}
        message = triggers.record(repository, trigger, [reference], now, facts)
        subject = f"TEST: AWS CodeCommit {repository.region} test: {repository.name}"
        return triggers.payload(repository, trigger, subject, message)
