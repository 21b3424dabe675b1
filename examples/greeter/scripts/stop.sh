#!/bin/sh
# Stop the service that is running, if one is.
set -eu
. "$(dirname "$0")/common.sh"
[ -f "$pid_file" ] || exit 0
pid=$(cat "$pid_file")
kill "$pid" 2>/dev/null || true
while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
rm -f "$pid_file"
