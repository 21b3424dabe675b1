"""The composition root: the one place that builds adapters and wires services. Read top to bottom, it is the system."""

from __future__ import annotations

import datetime
import gc
import json
import re
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import prometheus_client
import uvicorn

from codeyard.console.app import HOSTS, Console
from codeyard.console.changes import Changes
from codeyard.contract import AwsError, Clock, Ids, Part, Principal
from codeyard.edge import authority, own
from codeyard.edge.admin import Admin
from codeyard.edge.app import Front
from codeyard.edge.aws import AwsDoor
from codeyard.edge.certificates import Certificates
from codeyard.edge.git.http import GitHttp
from codeyard.edge.git.ssh import GitSsh
from codeyard.edge.listener import YardServer, bind
from codeyard.edge.unix import bind_unix
from codeyard.edge.webhooks import WebhookDoor
from codeyard.engine import Engine, Jobs, Kit, Settings, Smtp, SystemClock, SystemIds
from codeyard.gateway import Gateway, Registry
from codeyard.gateway.clients import LateClients
from codeyard.platform import (
    cloudtrail,
    cloudwatch_logs,
    eventbridge,
    iam,
    kms,
    organizations,
    s3,
    secretsmanager,
    sns,
    ssm,
    sts,
)
from codeyard.platform.cloudtrail.record import build_record
from codeyard.platform.iam.accounts import Accounts
from codeyard.platform.iam.door import IamDoor
from codeyard.platform.iam.outbound import PATH as OUTBOUND_PATH
from codeyard.services import codebuild, codecommit, codedeploy, codepipeline, codestar_notifications
from codeyard.storage import FileBlobs, Keyring, assert_not_writing, open_database
from codeyard.storage.durable import replace_durably
from codeyard.wire.codec import Wire
from codeyard.wire.models import Models
from codeyard.wire.routing import FIXED_PATHS, Router
from codeyard.wire.services import ENABLED

# Under CPU-bound threads a 1-core stall of 16-57 ms fell to 1.4 ms at this setting (docs/architecture.md, rule 11).
_SWITCH_INTERVAL_S = 0.0001
_COLLECT_AFTER = (20_000, 20, 20)  # allocations, then collections of the younger generation
_SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True, slots=True)
class Options:
    """What `codeyard serve` was told."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    tls_port: int | None = None
    tls_files: own.Files | None = None
    ssh_port: int = 0
    region: str = "us-east-1"
    account: str = "123456789012"
    public_url: str = ""
    database: str = ""
    root_key: str = ""
    runner_lease: int = 60
    unsafe_local_builds: bool = False
    allow_private_outbound: bool = False
    smtp: Smtp | None = None


class Yard:
    """A whole Codeyard in this process: build it, `open` it, then `serve` it or call its gateway."""

    def __init__(self, options: Options, *, clock: Clock | None = None, ids: Ids | None = None) -> None:
        self.options = options
        self.clock, self.ids = clock or SystemClock(), ids or SystemIds()
        options.data.mkdir(parents=True, exist_ok=True, mode=0o700)

        # State and bytes. The database comes first: its lock refuses a second server before that one takes admin.sock.
        self.db = open_database(options.database or options.data / "codeyard.db", self.clock, self.ids)
        self.keyring = Keyring(options.data, self.ids)
        self.sockets = _listen(options)
        self.endpoint, self.console_url = _urls(options, self.sockets[0])
        ssh = bind(options.host, options.ssh_port)
        self.ssh_address = _authority(options.host, ssh.getsockname()[1])

        # What every service is built from. Its clients are the gateway's, bound as soon as there is one.
        clients = LateClients()
        self.kit = self._kit(clients)

        # The services, and the one way in.
        self.identity = IamDoor(self.kit, organizations.guardrails)
        self.accounts = Accounts(self.kit)
        self.following = cloudtrail.Following(self.db)
        self.parts = self._parts()
        self.models = Models(ENABLED)
        self.wire = Wire(self.models)
        self.gateway = self._gateway()
        clients.bind(self.gateway.clients)

        # What makes it go, and the doors.
        self.engine = Engine(self.kit, self.parts)
        self.front = self._front()
        self.ssh = GitSsh(self.gateway, self.identity, options.region, self.kit, ssh)

    def _kit(self, clients: LateClients) -> Kit:
        data = self.options.data
        master = self.keyring.open(self.options.root_key)
        return Kit(
            db=self.db,
            blobs=FileBlobs(data / "blobs", master, self.clock, self.ids, self.db),
            clock=self.clock,
            ids=self.ids,
            clients=clients,
            sealer=master.sealer(),
            jobs=Jobs(self.db, self.clock, self.ids),
            data_dir=data,
            settings=self._settings(),
        )

    def _parts(self) -> tuple[Part, ...]:
        return (
            iam.part(self.kit, organizations.membership),
            sts.part(self.kit, self.identity),
            organizations.part(self.kit, self.accounts),
            kms.part(self.kit),
            s3.part(self.kit, reserved=self.kit.settings.reserved_bucket_names),
            eventbridge.part(self.kit),
            sns.part(self.kit),
            cloudwatch_logs.part(self.kit),
            ssm.part(self.kit),
            secretsmanager.part(self.kit),
            cloudtrail.part(self.kit, self.following),
            codecommit.part(self.kit, self.identity.ssh_signer),
            *codebuild.parts(self.kit),
            *codedeploy.parts(self.kit),
            codepipeline.part(self.kit),
            codestar_notifications.part(self.kit),
        )

    def _gateway(self) -> Gateway:
        return Gateway(
            registry=Registry(self.parts, self.models),
            identity=self.identity,
            recorder=build_record,
            validator=self.wire,
            db=self.db,
            clock=self.clock,
            ids=self.ids,
            assert_free=assert_not_writing,
            selects_data=self.following.selects_data,
        )

    def open(self) -> dict[str, Any]:
        """Bring state up to date and start the engine; what endpoint.json will say."""
        self.db.create()
        self.accounts.check_root_key()
        self.keyring.keep()
        self.certificates = self._certificates()
        self.ssh.start()
        keys = self._bootstrap()
        for part in self.parts:
            if part.on_start is not None:
                part.on_start()
        return {
            "endpoint": self.endpoint,
            "ssh": self.ssh_address,
            "region": self.options.region,
            "account": self.options.account,
            **keys,
            "console": self.console_url,
            "ca": str(self.certificates.verified_by),
        }

    def enrol_local_runner(self) -> None:
        """Give the runner beside this server its identity and tell it where the server is."""
        account = self.options.account
        root = Principal("root", account, f"arn:aws:iam::{account}:root", principal_id=account)
        owner = self.gateway.client(root, account, self.options.region)  # whoever starts the server owns the account
        folder = self.options.data / "runner"
        folder.mkdir(mode=0o700, exist_ok=True)
        config = folder / "local.json"
        kept = json.loads(config.read_text()) if config.exists() else None
        known = codebuild.enrol(owner.call, "local", kept)
        where = {"endpoint": self.endpoint, "region": self.options.region, "work": str(folder / "work")}
        where["ca"] = str(self.certificates.verified_by) if self.endpoint.startswith("https:") else ""
        replace_durably(config, json.dumps({**known, **where}).encode())

    def serve(self, ready: Callable[[dict[str, Any]], None] = lambda found: None) -> None:
        """Open, serve until SIGTERM or SIGINT, close. `ready` is told what endpoint.json says, once it is written."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        found = self.open()
        _calm_collector()
        server = self.server(lambda: self._announce(found, ready))
        try:
            server.run()
        finally:
            self.close()

    def server(self, ready: Callable[[], None]) -> YardServer:
        """The HTTP server over this yard's sockets, not yet running."""
        config = uvicorn.Config(
            self.front,
            loop="uvloop",
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=65536,
        )
        at_once = self.front.answer_at_once if self.db.calls is not None else None
        return YardServer(
            config,
            self.sockets,
            self.certificates.context,
            ready,
            self._let_go,
            at_once,
            lambda asked: self.certificates.look(force=asked),
        )

    def close(self) -> None:
        """Stop the engine, put the last records on the trail, let go of everything."""
        self.engine.stop()
        self.ssh.close()
        self.gateway.auditor.stop()
        self.aws.close()
        self.git.close()
        self.webhooks.close()
        for part in self.parts:
            if part.on_close is not None:
                part.on_close()
        self.db.close()
        for sock, _ in self.sockets:
            sock.close()

    def _let_go(self) -> None:
        """End the calls that wait for something to happen, so that nobody waits for them."""
        self.kit.jobs.close()
        self.console.close()
        for part in self.parts:
            if part.on_stop is not None:
                part.on_stop()

    def _announce(self, found: dict[str, Any], ready: Callable[[dict[str, Any]], None]) -> None:
        self.engine.start()
        self.front.serving = True
        replace_durably(self.options.data / "endpoint.json", json.dumps(found, indent=1).encode())
        ready(found)

    def _front(self) -> Front:
        router = Router(self.models, self.options.region)
        self.aws = AwsDoor(
            gateway=self.gateway,
            identity=self.identity,
            wire=self.wire,
            router=router,
            blobs=self.kit.blobs,
            ids=self.ids,
            region=self.options.region,
            calls=self.db.calls,
        )
        self.console = Console(
            self.gateway,
            self.identity,
            Changes(self.db, ("outbox", "effects", "dirty", "timers", "jobs", "codebuild-logs")),
            region=self.options.region,
            account=self.options.account,
            url=self.console_url,
        )
        self.webhooks = WebhookDoor(codepipeline.Receiver(self.kit).receive)
        self.git = GitHttp(self.gateway, self.identity, self.options.region, self.kit)
        admin = Admin(
            {"console-link": self._console_link, "account": self._create_account},
            prometheus_client.generate_latest,
        )
        front = Front(
            aws=self.aws,
            git=self.git,
            webhooks=self.webhooks,
            admin=admin,
            console=self.console,
            console_hosts=frozenset(HOSTS),
            public_host=_public_host(self.options),
            at_once=self.aws.answer_at_once,
        )
        front.serve_fixed(sns.CERTIFICATE_PATH, self._signing_certificate)
        front.serve_below(OUTBOUND_PATH, self.identity.outbound.page)
        return front

    def _signing_certificate(self) -> tuple[str, bytes]:
        return "application/x-pem-file", sns.certificate_pem(self.kit).encode()

    def _settings(self) -> Settings:
        return Settings(
            region=self.options.region,
            account=self.options.account,
            endpoint=self.endpoint,
            public_url=self.options.public_url,
            console_url=self.console_url,
            ssh_address=self.ssh_address,
            runner_lease=self.options.runner_lease,
            unsafe_local_builds=self.options.unsafe_local_builds,
            allow_private_outbound=self.options.allow_private_outbound,
            smtp=self.options.smtp,
            reserved_bucket_names=frozenset(path.strip("/").split("/")[0] for path in FIXED_PATHS),
        )

    def _bootstrap(self) -> dict[str, str]:
        """The first administrator's keys: made once, kept in DIR/admin.json for endpoint.json as long as they count.

        A crash may fall between the keys' commit and the file: where it is missing, they are made anew.
        """
        kept, account = self.options.data / "admin.json", self.options.account
        made = self.accounts.open(account, "")
        if made is None and not kept.exists():
            made = self.accounts.renew(account)
        if made is not None:
            replace_durably(kept, json.dumps({"access_key_id": made[0], "secret_access_key": made[1]}).encode())
        found: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
        return found if found and self._counts(found["access_key_id"]) else {}

    def _counts(self, access_key_id: str) -> bool:
        try:
            self.identity.credential(access_key_id, "")
        except AwsError:  # its user, or only the key, has been deleted or made inactive
            return False
        return True

    def _create_account(self, asked: dict[str, Any]) -> dict[str, Any]:
        account, alias = asked["account"], asked.get("alias", "")
        if not (isinstance(account, str) and re.fullmatch("[0-9]{12}", account) and isinstance(alias, str)):
            raise ValueError("an account id has 12 digits, such as 210987654321, and its alias is a text")
        made = self.accounts.open(account, alias)
        if made is None:
            raise ValueError(f"account {account} is there already")
        return {"access_key_id": made[0], "secret_access_key": made[1]}

    def _console_link(self, asked: dict[str, Any]) -> dict[str, Any]:
        principal = self.identity.user_named(self.options.account, asked.get("user", "admin"))
        if principal is None:
            raise ValueError(f"there is no user {asked.get('user')} in account {self.options.account}")
        return {"url": self.console.one_time_link(principal)}

    def _certificates(self) -> Certificates:
        options = self.options
        return Certificates(options.data, self._names(), options.tls_files, _SYSTEM_BUNDLE, self._today)

    def _names(self) -> list[str]:
        host, region = self.options.host, self.options.region
        fixed = ["localhost", "127.0.0.1", "::1", "console.localhost", f"git-codecommit.{region}.localhost"]
        ours = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
        public = filter(None, [_public_host(self.options)])
        return list(dict.fromkeys([*fixed, host, ours, *public, *authority.aws_names(region)]))

    def _today(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)


def _urls(options: Options, first: tuple[socket.socket, bool]) -> tuple[str, str]:
    """Where clients and where browsers find the server; beyond loopback nothing is served in the clear."""
    port, scheme = first[0].getsockname()[1], "http" if first[1] else "https"
    endpoint = f"{scheme}://{_authority(options.host, port)}"
    if _public_host(options):
        return endpoint, f"{options.public_url.rstrip('/')}/console"
    return endpoint, f"http://console.localhost:{port}" if scheme == "http" else f"{endpoint}/console"


def _public_host(options: Options) -> str:
    """The host of --public-url where that is reached by TLS, which may end at a proxy."""
    public = urlsplit(options.public_url)
    return public.hostname or "" if public.scheme == "https" else ""


def _authority(host: str, port: int) -> str:
    """Host and port of a URL; the addresses that mean every address are reached by their loopback one."""
    named = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"[{named}]:{port}" if ":" in named else f"{named}:{port}"


def _listen(options: Options) -> list[tuple[socket.socket, bool]]:
    """The listening sockets, each with whether it may speak plain HTTP: only loopback and the admin socket may."""
    loopback = options.host in ("127.0.0.1", "::1", "localhost")
    sockets = [(bind(options.host, options.port), loopback), (bind_unix(options.data / "admin.sock"), True)]
    if options.tls_port is not None:
        sockets.append((bind(options.host, options.tls_port), False))
    return sockets


def _calm_collector() -> None:
    """What is there once a server is open stays: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
