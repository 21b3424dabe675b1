"""CodePipeline: pipelines of stages and actions, driven from commit to deployment."""

from __future__ import annotations

from collections.abc import Mapping

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.services.codepipeline import sources
from codeyard.services.codepipeline.access import START_FROM_EVENT, START_FROM_WEBHOOK, access_table
from codeyard.services.codepipeline.actions import providers
from codeyard.services.codepipeline.api import CodePipeline
from codeyard.services.codepipeline.apply import DEADLINE, OBSERVE, START
from codeyard.services.codepipeline.engine import PIPELINE, Engine
from codeyard.services.codepipeline.errors import error_for
from codeyard.services.codepipeline.runner import ActionRunner
from codeyard.services.codepipeline.store import pipelines
from codeyard.services.codepipeline.webhooks import Receiver
from codeyard.storage import loads

__all__ = ["Receiver", "part"]


def part(kit: Kit) -> Part:
    """Wire the service; it listens to the outbox for changed sources, ended builds and ended deployments."""
    engine = Engine(kit.db, kit.clock, kit.ids)
    runner = ActionRunner(kit, engine, providers(kit.blobs))
    watcher = sources.SourceWatcher(kit, engine)
    kit.outbox.register(sources.on_event)

    def tags_of(account: str, region: str, name: str) -> Mapping[str, str]:
        row = kit.db.read(lambda tx: pipelines.by_name(tx, account, region, name))
        return loads(row.tags) if row is not None else {}

    return Part(
        service="codepipeline",
        api=CodePipeline(kit, engine),
        access=access_table(tags_of),
        errors=error_for,
        doors=frozenset({START_FROM_EVENT, START_FROM_WEBHOOK}),
        reconcilers={
            PIPELINE: engine.reconcile,
            DEADLINE: engine.deadline,
            OBSERVE: runner.observe,
            sources.POLL: watcher.look,
        },
        effects={START: runner.start},
        on_start=engine.sweep,
    )
