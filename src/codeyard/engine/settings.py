"""What an administrator may set; one object, made by main.py from flags and environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Smtp:
    """The mail server that messages by e-mail are handed to; `security` is starttls, tls or none."""

    host: str
    port: int
    sender: str
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """The server's settings. Times are seconds.

    `endpoint` is the base URL that in-process code tells others (builds, agents) to reach this server by; `public_url`
    overrides it in clone URLs and links. `forward` sends a service's calls elsewhere: service id -> endpoint URL.
    """

    region: str = "us-east-1"
    account: str = "123456789012"
    partition: str = "aws"
    endpoint: str = ""
    public_url: str = ""
    console_url: str = ""
    ssh_address: str = ""
    regions: tuple[str, ...] = ()
    unsafe_local_builds: bool = False
    allow_private_outbound: bool = False
    forward: Mapping[str, str] = field(default_factory=dict)
    reserved_bucket_names: frozenset[str] = frozenset()
    trail_retention_days: int = 90
    blob_grace: int = 86_400
    workers: int = 8
    runner_lease: int = 60
    smtp: Smtp | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        """Where clients find this server."""
        return self.public_url or self.endpoint
