#!/bin/sh
# The deployment counts only when the service answers with the release that was just installed.
set -eu
. "$(dirname "$0")/common.sh"
python3 - "$PORT" "$home/release.json" <<'PYTHON'
import json, sys, time
from urllib.request import urlopen

port, release = sys.argv[1], json.load(open(sys.argv[2]))
for _ in range(100):
    try:
        answer = json.load(urlopen(f"http://127.0.0.1:{port}/version", timeout=2))
        break
    except OSError:
        time.sleep(0.05)
else:
    sys.exit(f"nothing answers on port {port}")
if answer != release:
    sys.exit(f"port {port} runs {answer}, not {release}")
print(f"port {port} runs {answer['commit']}")
PYTHON
