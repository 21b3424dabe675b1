"""The composition root: the one place that builds adapters and wires services. Read top to bottom, it is the system."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from codeyard.console.app import Console
from codeyard.contract import Clock, Ids
from codeyard.edge import tls
from codeyard.edge.admin import Admin
from codeyard.edge.app import Front
from codeyard.edge.aws import AwsDoor
from codeyard.edge.git_http import GitHttp
from codeyard.edge.listener import YardServer, bind
from codeyard.engine import Engine, Kit, Settings, SystemClock, SystemIds
from codeyard.gateway import Gateway, Registry
from codeyard.platform import cloudtrail, cloudwatch_logs, eventbridge, iam, s3, secretsmanager, sns, ssm, sts
from codeyard.platform.cloudtrail.record import build_record
from codeyard.platform.iam.door import IamDoor
from codeyard.services import codebuild, codecommit, codedeploy, codepipeline
from codeyard.storage import open_blobs, open_database
from codeyard.wire.codec import Wire
from codeyard.wire.models import Models
from codeyard.wire.routing import FIXED_PATHS, Router
from codeyard.wire.services import ENABLED


@dataclass(frozen=True, slots=True)
class Options:
    """What `codeyard serve` was told."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    tls_port: int | None = None
    ssh_port: int = 0
    region: str = "us-east-1"
    account: str = "123456789012"
    public_url: str = ""
    database: str = ""
    no_runner: bool = False
    unsafe_local_builds: bool = False
    pass_host_tooling: bool = False
    allow_private_outbound: bool = False
