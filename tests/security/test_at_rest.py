"""What a thief of the disk finds: a whole run through a real server and its runner, then every byte that it left."""

from __future__ import annotations

import gzip
import io
import json
import os
import secrets as random
import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.scenarios.test_builds_without_a_sandbox import EVERYTHING, Site
from tests.security.raw import found_in
from tests.support.fuse import lacking
from tests.support.yard import wait_until

# The server's own credentials, not users' data: docs/howto/keep-the-root-key-elsewhere.md tells of them.
OWN = ("endpoint.json", "admin.json")
BUCKET = "kept"


@dataclass
class Run:
    """A server in which values went through every door that keeps some."""

    site: Site
    key: str = ""
    secrets: dict[str, bytes] = field(default_factory=dict)

    def secret(self, name: str, size: int = 24) -> str:
        """A text that nobody else has, remembered under its name."""
        text = random.token_hex(size // 2)
        self.secrets[name] = text.encode()
        return text


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The run, its server still up and its database held open, so that the WAL has all pages."""
    site = Site(tmp_path_factory.mktemp("rest") / "data", "--unsafe-local-builds", "--allow-private-outbound")
    try:
        done = Run(site)
        with closing(sqlite3.connect(site.data / "codeyard.db")) as held:
            held.execute("BEGIN")
            held.execute("SELECT count(*) FROM meta").fetchone()
            for step in (keys, objects, values, sources, identities, messages, builds):
                step(done)
            yield done
    finally:
        site.close()


def keys(run: Run) -> None:
    """Key material that was brought, and data keys and plaintexts that passed through."""
    kms = run.site.client("kms")
    root = {"AWS": "arn:aws:iam::123456789012:root", "Service": "logs.us-east-1.amazonaws.com"}
    policy = {"Version": "2012-10-17", "Statement": [{**EVERYTHING, "Principal": root, "Action": "kms:*"}]}
    run.key = kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
    kms.encrypt(KeyId=run.key, Plaintext=run.secret("kms plaintext").encode())
    run.secrets["data key"] = kms.generate_data_key(KeyId=run.key, KeySpec="AES_256")["Plaintext"]
    brought = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    asked = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    given = kms.get_parameters_for_import(KeyId=brought, **asked)
    run.secrets["key material"] = random.token_bytes(32)
    public: Any = load_der_public_key(given["PublicKey"])
    wrapped = public.encrypt(run.secrets["key material"], padding.OAEP(padding.MGF1(SHA256()), SHA256(), None))
    expires = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    kms.import_key_material(KeyId=brought, ImportToken=given["ImportToken"], EncryptedKeyMaterial=wrapped, **expires)


def objects(run: Run) -> None:
    """Objects: small, large, packed by their owner, under a key, and an upload that is not complete."""
    s3 = run.site.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="small", Body=run.secret("small object").encode())
    s3.put_object(Bucket=BUCKET, Key="large", Body=run.secret("large object").encode() * 40000)
    s3.put_object(Bucket=BUCKET, Key="packed.gz", Body=gzip.compress(run.secret("packed object").encode() * 3))
    under = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": run.key}
    s3.put_object(Bucket=BUCKET, Key="locked", Body=run.secret("locked object").encode(), **under)
    place = {"Bucket": BUCKET, "Key": "parts"}
    for name, whole in (("unfinished upload", False), ("upload in parts", True)):
        upload = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}
        part = s3.upload_part(**upload, PartNumber=1, Body=run.secret(name).encode())
        if whole:
            parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
            s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    s3.delete_object(Bucket=BUCKET, Key="small")


def values(run: Run) -> None:
    """Parameters, secrets and log events."""
    ssm, kept, logs = (run.site.client(name) for name in ("ssm", "secretsmanager", "logs"))
    ssm.put_parameter(Name="/default", Type="SecureString", Value=run.secret("parameter"))
    ssm.put_parameter(Name="/own", Type="SecureString", Value=run.secret("own parameter"), KeyId=run.key)
    kept.create_secret(Name="text", SecretString=run.secret("secret"))
    kept.create_secret(Name="bytes", SecretBinary=run.secret("binary secret").encode(), KmsKeyId=run.key)
    kept.put_secret_value(SecretId="text", SecretString=run.secret("next secret"))
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    event = {"timestamp": 1_700_000_000_000, "message": run.secret("log event") * 20}
    event["timestamp"] = int(os.stat(run.site.data / "endpoint.json").st_mtime * 1000)
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[event])
    logs.create_log_group(logGroupName="locked", kmsKeyId=run.key)
    logs.create_log_stream(logGroupName="locked", logStreamName="s")
    locked = [{**event, "message": run.secret("locked log event")}]
    logs.put_log_events(logGroupName="locked", logStreamName="s", logEvents=locked)


def sources(run: Run) -> None:
    """Source code in a repository under the key, where such a one can be."""
    if lacking():
        return
    code = run.site.client("codecommit")
    code.create_repository(repositoryName="sealed", kmsKeyId=run.key)
    text = run.secret("source code").encode() * 100
    code.put_file(repositoryName="sealed", branchName="main", filePath="a.txt", fileContent=text)


def identities(run: Run) -> None:
    """Whatever an IAM user proves itself by, and a session's secret."""
    iam = run.site.client("iam")
    iam.create_user(UserName="ann")
    iam.create_login_profile(UserName="ann", Password=run.secret("password") + "A!a1")
    run.secrets["access key"] = iam.create_access_key(UserName="ann")["AccessKey"]["SecretAccessKey"].encode()
    made = iam.create_service_specific_credential(UserName="ann", ServiceName="codecommit.amazonaws.com")
    run.secrets["git password"] = made["ServiceSpecificCredential"]["ServicePassword"].encode()
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    run.secrets["mfa seed"] = device["Base32StringSeed"]
    session = run.site.client("sts").get_session_token()["Credentials"]
    run.secrets["session secret"] = session["SecretAccessKey"].encode()
    run.secrets["session token"] = session["SessionToken"][:60].encode()


class Endpoint(BaseHTTPRequestHandler):
    """A subscriber that remembers what it was sent."""

    told: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        self.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def messages(run: Run) -> None:
    """A message to a subscriber; and a parameter that is no secret: where the walk does find something."""
    sns = run.site.client("sns")
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        topic = sns.create_topic(Name="t")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{listener.server_port}/")
        wait_until(lambda: Endpoint.told)
        sns.confirm_subscription(TopicArn=topic, Token=Endpoint.told[0]["Token"])
        sns.publish(TopicArn=topic, Subject=run.secret("subject"), Message=run.secret("message"))
        wait_until(lambda: Endpoint.told[1:])
        assert Endpoint.told[1]["Message"].encode() == run.secrets["message"]
        listener.shutdown()
    run.site.client("ssm").put_parameter(Name="/open", Type="String", Value=run.secret("open parameter"))


def builds(run: Run) -> None:
    """A build with a secret in its environment, which it writes into its log, its artifact and its workspace."""
    text = run.secret("build secret")
    run.site.client("secretsmanager").create_secret(Name="for-build", SecretString=text)
    made, said = run.secret("artifact"), run.secret("build log")
    commands = ["test ${#IT} = 24", "echo $IT", f"echo {said[:12]}''{said[12:]}", "cat a.txt >b.txt", "echo $IT >c.txt"]
    run.site.project(
        {
            "env": {"secrets-manager": {"IT": "for-build"}},
            "phases": {"build": {"commands": commands}},
            "artifacts": {"files": ["b.txt", "c.txt"]},
        },
        encryptionKey=run.key,
    )
    packed = io.BytesIO()
    s3 = run.site.client("s3")
    with zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket="files", Key="source.zip")["Body"].read())) as old:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
            new.writestr("buildspec.yml", old.read("buildspec.yml"))
            new.writestr("a.txt", made * 3)
    s3.put_object(Bucket="files", Key="source.zip", Body=packed.getvalue())
    build = run.site.end(run.site.begin())
    assert build["buildStatus"] == "SUCCEEDED", build["phases"]
    assert said in run.site.log(build)
    work = run.site.data / "runner" / "work"
    wait_until(lambda: not [*(work / "builds").iterdir(), *(work / "sources").glob("s3-*")])


def test_no_value_is_on_the_disk_in_any_form(run: Run) -> None:
    assert (run.site.data / "codeyard.db-wal").stat().st_size > 100_000, "the WAL has the run's pages"
    sought = {name: plain for name, plain in run.secrets.items() if name != "open parameter"}
    plain = ("git/open", "git/repositories", *OWN)  # what stands open while the server runs, and links into it
    assert found_in(run.site.data.parent, sought, without=[f"data/{name}" for name in plain]) == []
    assert len(sought) >= 26 - bool(lacking())


def test_the_walk_finds_what_is_there_packed_or_not(run: Run, tmp_path: Path) -> None:
    plain = {"it": run.secrets["open parameter"]}
    assert {path for _, _, path in found_in(run.site.data, plain)} == {"codeyard.db-wal"}
    (tmp_path / "inner").write_bytes(b"junk\x78\x9c" + gzip.compress(b"x" * 70000 + plain["it"] * 9) + b"more")
    with zipfile.ZipFile(tmp_path / "zip", "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.write(tmp_path / "inner", "inner.gz")
    (tmp_path / "hex").write_bytes(plain["it"].hex().encode())
    assert {path for _, _, path in found_in(tmp_path, plain)} == {"inner", "zip", "hex"}


def code(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def test_with_its_key_disabled_nothing_reads_and_each_use_is_on_the_trail(run: Run) -> None:
    kms, s3 = run.site.client("kms"), run.site.client("s3")
    ssm, kept = run.site.client("ssm"), run.site.client("secretsmanager")
    assert s3.get_object(Bucket=BUCKET, Key="locked")["Body"].read() == run.secrets["locked object"]
    ssm.get_parameter(Name="/own", WithDecryption=True)
    kept.get_secret_value(SecretId="bytes")
    kms.disable_key(KeyId=run.key)
    try:
        assert code(s3.get_object, Bucket=BUCKET, Key="locked") == "KMS.DisabledException"
        assert code(ssm.get_parameter, Name="/own", WithDecryption=True) == "InvalidKeyId"
        assert code(kept.get_secret_value, SecretId="bytes") == "DecryptionFailure"
        assert code(s3.get_object, Bucket="files", Key="made.zip") == "KMS.DisabledException"
        logs, sealed = run.site.client("logs"), run.site.client("codecommit")
        assert code(logs.filter_log_events, logGroupName="locked") == "InvalidParameterException"
        asked = {"repositoryName": "sealed", "filePath": "a.txt"}
        assert lacking() or code(sealed.get_file, **asked) == "EncryptionKeyDisabledException"
    finally:
        kms.enable_key(KeyId=run.key)
    if not lacking():
        sealed.get_file(**asked)
    for service in ("s3", "ssm", "secretsmanager", *(() if lacking() else ("codecommit",))):
        # A successful read is on the trail within 200 ms.
        wait_until(lambda service=service: len(uses(run, service, "Decrypt")) >= 2)
        assert any("DisabledException" in one for one in uses(run, service, "Decrypt")), service
        assert uses(run, service, "Encrypt") or uses(run, service, "GenerateDataKey"), service
    shown = [name for name, plain in run.secrets.items() for one in trail(run) if plain.decode("latin-1") in one]
    assert shown == []


def uses(run: Run, service: str, operation: str) -> list[str]:
    """The records of what a service did with the run's key, on somebody's behalf."""
    by = f'"invokedBy":"{service}.amazonaws.com"'
    return [one for one in trail(run) if by in one and f'"eventName":"{operation}"' in one]


def trail(run: Run) -> list[str]:
    """The records that name the run's key."""
    asked = [{"AttributeKey": "ResourceName", "AttributeValue": run.key}]
    pages = run.site.client("cloudtrail").get_paginator("lookup_events").paginate(LookupAttributes=asked)
    return [json.dumps(json.loads(e["CloudTrailEvent"]), separators=(",", ":")) for p in pages for e in p["Events"]]


def test_with_another_root_key_the_server_does_not_start_and_nothing_opens(run: Run) -> None:
    run.site.close()
    command = [
        sys.executable,
        "-m",
        "codeyard.cli",
        "serve",
        "--data",
        str(run.site.data),
        "--port",
        "0",
        "--no-runner",
    ]
    other = {**os.environ, "OTHER": "ab" * 32, "CODEYARD_ROOT_KEY": "cd" * 32}
    for source in ([], ["--root-key", "env:OTHER"]):
        ended = subprocess.run([*command, *source], env=other, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 1
        assert "does not open" in ended.stderr
        assert len(ended.stderr.strip().splitlines()) == 1
        assert "ab" * 32 not in ended.stderr
    (run.site.data / "keyring").rename(
        run.site.data.parent / "keyring"
    )  # lost, and so the folder looks like an old one
    ended = subprocess.run([*command, "--root-key", "env:OTHER"], env=other, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, len(ended.stderr.strip().splitlines())) == (1, 1)
    assert "nothing in the database opens" in ended.stderr
    assert not (run.site.data / "keyring").exists(), "no keyring is made by a key that opens nothing"
