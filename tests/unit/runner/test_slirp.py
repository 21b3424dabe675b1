"""An isolated build's network that does not come up says why."""

from __future__ import annotations

import subprocess
import sys

import pytest

from codeyard.runner.sandbox.slirp import Slirp


def test_a_network_that_cannot_be_made_is_refused_with_slirps_own_reason() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with pytest.raises(OSError, match=r"did not bring the build's network up: .*/proc/"):
        Slirp(gone.pid).wait()
