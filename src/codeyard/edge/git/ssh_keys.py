"""The host's own SSH keys: made once, and the same after every start, so that no client is warned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from codeyard.storage.durable import replace_durably

_RSA_BITS = 3072


def host_keys(folder: Path) -> list[str]:
    """The files of the host's keys, an Ed25519 and an RSA one, made where they are missing."""
    folder.mkdir(mode=0o700, exist_ok=True)
    return [
        _kept(folder / "host_ed25519", ed25519.Ed25519PrivateKey.generate),
        _kept(folder / "host_rsa", lambda: rsa.generate_private_key(65537, _RSA_BITS)),
    ]


def _kept(path: Path, make: Callable[[], Any]) -> str:
    if not path.exists():
        replace_durably(path, make().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return str(path)
