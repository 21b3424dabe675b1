"""A throw-away PostgreSQL cluster from Debian's binaries: one a session, one fresh database a test."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from codeyard.contract import Clock
from codeyard.engine import SystemClock, SystemIds
from codeyard.storage import Database, open_database

BINARIES = Path("/usr/lib/postgresql/15/bin")
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200", "shared_buffers=32MB")


class Cluster:
    """A running cluster that listens on a Unix socket in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self._user = "postgres" if os.getuid() == 0 else ""
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D", str(self.data))
        settings = " ".join(f"-c {setting}" for setting in (*QUICK, f"unix_socket_directories={folder}"))
        self._run(
            "pg_ctl", "-D", str(self.data), "-w", "-l", str(folder / "log"), "-o", self._options(settings), "start"
        )
        self._number = 0

    def url(self, name: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        self._number += 1
        name = f"test_{os.getpid()}_{self._number}"
        self._admin(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database that `fresh` made."""
        name = url.partition("@/")[2].partition("?")[0]
        self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        """End the cluster and remove its folder."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _admin(self, sql: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(sql.encode())

    def _options(self, settings: str) -> str:
        return f"{settings} -c listen_addresses=''"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(BINARIES / program), *arguments]
        if self._user:
            command = ["runuser", "-u", self._user, "--", *command]
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=self.folder, check=False)
        assert done.returncode == 0, f"{program} failed: {done.stderr or done.stdout}"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The session's cluster."""
    if not (BINARIES / "initdb").exists():
        pytest.fail("PostgreSQL 15 is missing: apt-get install postgresql-15")
    made = Cluster(Path(tempfile.mkdtemp(prefix="yard-pg-")))
    yield made
    made.stop()


@pytest.fixture
def postgres_url(cluster: Cluster) -> Iterator[str]:
    """A fresh database's URL."""
    url = cluster.fresh()
    yield url
    cluster.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a test's state is: it runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "codeyard.db")
    return str(request.getfixturevalue("postgres_url"))


def opened(url: str, clock: Clock | None = None) -> Database:
    """The database with every table of the imported modules."""
    db = open_database(url, clock or SystemClock(), SystemIds())
    db.create_all()
    return db


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """An open database, on both kinds."""
    made = opened(database_url)
    yield made
    made.close()
