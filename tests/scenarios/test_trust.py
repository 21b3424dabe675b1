"""`codeyard trust`, and clients whose endpoints are hard-coded, on a machine of the test's own: namespaces of mounts
and network, with overlays over /etc, /usr and the home folder, so that no store or hosts file here is ever touched."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeyard.edge import tls

ROOM = r"""
set -eu
ip link set lo up
mount -t tmpfs tmpfs "$1"
mkdir -p "$1/home" "$1/work"
for place in etc usr; do
  mkdir -p "$1/up/$place" "$1/work/$place"
  mount -t overlay overlay -o "lowerdir=/$place,upperdir=$1/up/$place,workdir=$1/work/$place" "/$place"
done
export HOME="$1/home"
cd "$1"
"""
CLIENT = """
import json
import boto3

pipelines = boto3.client("codepipeline").list_pipelines()["pipelines"]
s3 = boto3.client("s3")
s3.create_bucket(Bucket="artifacts")
s3.put_object(Bucket="artifacts", Key="a", Body=b"kept")
boto3.client("codecommit").create_repository(repositoryName="r")
where = [boto3.client(name).meta.endpoint_url for name in ("codepipeline", "s3")]
body = s3.get_object(Bucket="artifacts", Key="a")["Body"].read().decode()
print(json.dumps([pipelines, body, boto3.client("sts").get_caller_identity()["Account"], where]))
"""
ENDPOINT = {"endpoint": "http://127.0.0.1:4599", "region": "us-east-1"}
SERVED = r"""
codeyard serve --data "$PWD/data" --port 0 --tls-port 443 --no-runner >log 2>&1 &
server=$!
trap 'kill $server; wait $server || true' EXIT
until [ -e data/endpoint.json ]; do kill -0 $server || { cat log >&2; exit 1; }; command sleep 0.1; done
"""


def _roomless() -> str:
    """Why no room can be made here; "" where it can."""
    if os.geteuid() != 0:
        return "namespaces of mounts with overlays need root"
    if not shutil.which("unshare") or not shutil.which("update-ca-certificates"):
        return "unshare or update-ca-certificates is missing"
    with tempfile.TemporaryDirectory(prefix="room-") as folder:
        done = _in_room(Path(folder), "true")
    return "" if done.returncode == 0 else f"no namespaces of mounts and network here: {done.stderr.strip()[-200:]}"


def _in_room(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script as root of a machine of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SSL_", "GIT_", "CURL_"))}
    for name in ("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY"):
        kept.pop(name, None)
    environment = {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    room = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private", "bash", "-c"]
    command = [*room, ROOM + script, "room", str(folder)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """A folder for a room; skipped where there can be none. What the machine trusts stays as it is."""
    if why := _roomless():
        pytest.skip(why)
    before = _trusted_here()
    (tmp_path / "room").mkdir()
    yield tmp_path
    assert _trusted_here() == before


def _trusted_here() -> list[object]:
    """What of ours the machine itself has; others may install packages meanwhile, which make its stores anew."""
    java = Path("/etc/ssl/certs/java/cacerts")
    return [
        Path("/etc/ssl/certs/ca-certificates.crt").read_bytes(),
        Path("/etc/hosts").read_bytes(),
        sorted(Path("/usr/local/share/ca-certificates").glob("codeyard-*")),
        java.read_bytes().count(b"Codeyard local CA") if java.exists() else 0,
    ]


def _said(room: Path, script: str) -> str:
    done = _in_room(room / "room", script)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_clients_with_hard_coded_endpoints_work_with_the_ca_and_a_hosts_file(room: Path) -> None:
    script = rf"""{SERVED}
(eval "$(codeyard env --data data)"; export -p | grep -E 'AWS_(ACCESS|SECRET|DEFAULT)') >keys
codeyard trust --data data >told
grep '^127' told >>/etc/hosts
echo 127.0.0.1 artifacts.s3.amazonaws.com artifacts.s3.us-east-1.amazonaws.com >>/etc/hosts
. ./keys
eval "$(grep '^export AWS_CA_BUNDLE' told)"
test "$AWS_CA_BUNDLE" = /etc/ssl/certs/ca-certificates.crt
cat >client.py <<'END'
{CLIENT}
END
python client.py
aws codepipeline list-pipelines --query 'length(pipelines)'
curl -sS https://codepipeline.us-east-1.amazonaws.com/healthz
git -c credential.helper= -c credential.helper='!aws codecommit credential-helper $@' -c credential.UseHttpPath=true \
  ls-remote https://git-codecommit.us-east-1.amazonaws.com/v1/repos/r && echo listed
"""
    first, *rest = _said(room, script).splitlines()
    where = ["https://codepipeline.us-east-1.amazonaws.com", "https://s3.amazonaws.com"]
    assert json.loads(first) == [[], "kept", "123456789012", where]
    assert rest == ["0", "ok", "listed"]


def test_it_installs_once_says_so_the_second_time_and_takes_all_of_it_out_again(room: Path) -> None:
    data = room / "machine"
    data.mkdir()
    tls.ensure_certificates(data, ["localhost"], datetime.datetime.now(datetime.UTC))
    (data / "endpoint.json").write_text(json.dumps({**ENDPOINT, "ca": str(data / "ca.pem")}))
    script = rf"""
cp -r {data} data
codeyard trust --data data | grep '^[a-z]*:'
openssl verify -CAfile /etc/ssl/certs/ca-certificates.crt data/ca.pem | cut -d: -f2
codeyard trust --data data | grep '^[a-z]*:'
codeyard trust --data data --uninstall | grep '^[a-z]*:'
openssl verify -CAfile /etc/ssl/certs/ca-certificates.crt data/ca.pem 2>&1 | grep -c 'verification failed'
ls /usr/local/share/ca-certificates | grep -c codeyard || true
"""
    said = [" ".join(line.split()[:3]) for line in _said(room, script).splitlines()]
    java = bool(shutil.which("keytool"))
    system, git = [line for line in said if line.startswith("system:")], [line for line in said if "git:" in line]
    assert system == ["system: installed into", "system: has it", "system: taken out"]
    assert git == ["git: the system's", "git: the system's", "git: is without"]
    if java:
        assert [line for line in said if line.startswith("java:")][1:] == ["java: has it", "java: taken out"]
    assert [line for line in said if ":" not in line] == ["OK", "1", "0"]
