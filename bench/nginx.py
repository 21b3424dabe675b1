"""nginx as a peer: over a folder with DAV for S3, and before git http-backend (by fcgiwrap) for git."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.peers import _process, await_port, free_port

_CONFIG = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000; client_max_body_size 0;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    {location}
  }}
}}
"""
_DAV = "location / {{ root {root}; dav_methods PUT DELETE; create_full_put_path on; }}"
_GIT = """location ~ ^/.+$ {{
      fastcgi_pass unix:{folder}/git.sock; fastcgi_buffering off; fastcgi_read_timeout 60;
      fastcgi_param SCRIPT_FILENAME {backend}; fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param GIT_HTTP_EXPORT_ALL ""; fastcgi_param PATH_INFO $uri; fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method; fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length; fastcgi_param GIT_PROTOCOL $http_git_protocol;
    }}"""
_BACKEND = "/usr/lib/git-core/git-http-backend"


@dataclass(frozen=True)
class Nginx:
    """Where it answers, and the processes whose time is its own."""

    address: tuple[str, int]
    pids: tuple[int, ...]

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://{self.address[0]}:{self.address[1]}"


@contextlib.contextmanager
def dav(root: Path) -> Iterator[Nginx | None]:
    """Files of `root` to be put and fetched; None where there is no nginx."""
    with _nginx(_DAV, root=str(root)) as found:
        yield found


@contextlib.contextmanager
def git(root: Path) -> Iterator[Nginx | None]:
    """The repositories of `root` by git http-backend; None where a part of it is missing."""
    program = shutil.which("fcgiwrap")
    if program is None or not Path(_BACKEND).exists():
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "git.sock"
        with _process([program, "-c", "4", "-s", f"unix:{path}"], start_new_session=True) as wrap:
            try:
                _await_file(path)
                with _nginx(_GIT.replace("{folder}", folder), root=str(root), backend=_BACKEND) as found:
                    yield found and Nginx(found.address, (*found.pids, wrap.pid))
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(wrap.pid, signal.SIGTERM)  # fcgiwrap does not end the workers it forks


@contextlib.contextmanager
def _nginx(location: str, **names: str) -> Iterator[Nginx | None]:
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        yield None
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        place = location.format(**names)
        text = _CONFIG.format(folder=folder, port=port, location=place, user=_user())
        config = Path(folder) / "nginx.conf"
        config.write_text(text)
        with _process([program, "-c", str(config), "-p", folder, "-e", f"{folder}/error.log"]) as child:
            await_port(port)
            yield Nginx(("127.0.0.1", port), (child.pid,))


def _user() -> str:
    return "user root;" if os.getuid() == 0 else ""


def _await_file(path: Path, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path.name} did not appear")
        time.sleep(0.02)
