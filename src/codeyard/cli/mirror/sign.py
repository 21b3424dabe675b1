"""A git credential helper that signs for the running server, anew each time: a signature counts for minutes only.

The scheme is that of AWS's own helper; keys come by the environment, as AWS's programs take them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
import time
from collections.abc import Mapping


def password(host: str, path: str, stamp: str, environment: Mapping[str, str]) -> str:
    """The password for a repository's path on a host, at a time written as 20160209T000811."""
    scope = f"{stamp[:8]}/{environment['AWS_REGION']}/codecommit/aws4_request"
    canonical = f"GIT\n{path}\n\nhost:{host}\n\nhost\n"
    said = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{environment['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return f"{stamp}Z{hmac.new(key, said.encode(), hashlib.sha256).hexdigest()}"


def main() -> None:
    """Answer git's `get`; its other verbs have nothing to keep."""
    if sys.argv[1:] != ["get"]:
        return
    asked = dict(line.rstrip("\n").split("=", 1) for line in sys.stdin if "=" in line)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    token = os.environ.get("AWS_SESSION_TOKEN", "")
    user = os.environ["AWS_ACCESS_KEY_ID"] + (f"%{token}" if token else "")
    path = os.environ["CODEYARD_REPOSITORY_PATH"]
    sys.stdout.write(f"username={user}\npassword={password(asked['host'], path, stamp, os.environ)}\n")


if __name__ == "__main__":
    main()
