#!/bin/sh
# Start the new release, replacing whatever still runs.
set -eu
. "$(dirname "$0")/common.sh"
"$(dirname "$0")/stop.sh"
mkdir -p "$(dirname "$pid_file")"
cd "$home"
setsid nohup python3 -m app.server >/dev/null 2>&1 </dev/null &
echo $! > "$pid_file"
