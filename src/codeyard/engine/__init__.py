"""What keeps durable work going: outbox, effects, dirty rows, timers, leased jobs, and the loop that runs them."""

from codeyard.engine.clock import ManualClock, SystemClock
from codeyard.engine.crash import crash_point
from codeyard.engine.ids import SeededIds, SystemIds
from codeyard.engine.jobs import Job, Jobs, StaleFence
from codeyard.engine.kit import Kit
from codeyard.engine.loop import Engine
from codeyard.engine.outbox import EventRow, FanOut, Outbox
from codeyard.engine.settings import Settings, Smtp

__all__ = [
    "Engine",
    "EventRow",
    "FanOut",
    "Job",
    "Jobs",
    "Kit",
    "ManualClock",
    "Outbox",
    "SeededIds",
    "Settings",
    "Smtp",
    "StaleFence",
    "SystemClock",
    "SystemIds",
    "crash_point",
]
