"""Fixtures that every test may use. Machines preset CA variables; tests that use our own TLS must not inherit them."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

from tests.support.template import copied_databases

pytest_plugins = ["tests.support.yard"]
gc.set_threshold(
    20_000, 20, 50
)  # as the server's own: what thousands of tests keep need not be looked through so often

_PRESET = (
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "NIX_SSL_CERT_FILE",
    "AWS_ENDPOINT_URL",
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
)


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> None:
    """No preset endpoint, key or CA of the machine reaches a client under test."""
    for name in _PRESET:
        os.environ.pop(name, None)
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull


@pytest.fixture(autouse=True, scope="session")
def _copied_databases() -> Iterator[None]:
    """Tables are made once a process."""
    with copied_databases():
        yield
