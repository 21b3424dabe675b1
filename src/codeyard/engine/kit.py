"""What every service is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from codeyard.contract import Clients, Clock, Ids, Sealer
from codeyard.engine.jobs import Jobs
from codeyard.engine.outbox import Outbox
from codeyard.engine.settings import Settings
from codeyard.storage import Blobs, Database


@dataclass(frozen=True)
class Kit:
    """The ports that services are built on. `outbox` is where EventBridge registers its fan-out."""

    db: Database
    blobs: Blobs
    clock: Clock
    ids: Ids
    clients: Clients
    sealer: Sealer
    jobs: Jobs
    data_dir: Path
    settings: Settings
    outbox: Outbox = field(default_factory=Outbox)
