"""What a thief of a PostgreSQL server's disk finds of what a yard keeps there."""

from __future__ import annotations

import gzip
import json
import secrets as random
from pathlib import Path

import psycopg

from tests.security.raw import found_in
from tests.support.postgres import Cluster, cluster
from tests.support.yard import TestYard

__all__ = ["cluster"]


def test_no_value_is_in_the_pages_or_the_log_of_the_database(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.fresh()
    yard = TestYard(tmp_path / "data", database=url)
    try:
        values = {name: random.token_hex(16) for name in ("parameter", "secret", "event", "object", "own", "locked")}
        ssm, kept, logs, s3 = (yard.client(name) for name in ("ssm", "secretsmanager", "logs", "s3"))
        root = {"AWS": f"arn:aws:iam::{yard.account}:root", "Service": "logs.us-east-1.amazonaws.com"}
        statement = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        key = yard.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
        ssm.put_parameter(Name="/p", Type="SecureString", Value=values["parameter"])
        ssm.put_parameter(Name="/own", Type="SecureString", Value=values["own"], KeyId=key)
        kept.create_secret(Name="s", SecretString=values["secret"])
        now = yard.clock.now() // 1000
        for group, name, more in (("g", "event", {}), ("locked", "locked", {"kmsKeyId": key})):
            logs.create_log_group(logGroupName=group, **more)
            logs.create_log_stream(logGroupName=group, logStreamName="s")
            event = {"timestamp": now, "message": values[name] * 20}
            logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[event])
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="o", Body=gzip.compress(values["object"].encode()))
        seen = random.token_hex(16)
        ssm.put_parameter(Name="/open", Type="String", Value=seen)
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("CHECKPOINT")
        assert found_in(cluster.data, {"seen": seen.encode()}), "the walk finds what lies there in the clear"
        assert found_in(cluster.data, {name: value.encode() for name, value in values.items()}) == []
    finally:
        yard.close()
        cluster.drop(url)
