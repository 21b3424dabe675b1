"""One shell for all commands of a build, inside the sandbox: a driver script, and the builder's side of it.

A command is a file that the shell sources, so `cd`, exports and functions survive. When a command ends the shell
(`exit 1`, `set -e`), its variables and folder are saved and the next command runs in a new shell that has them.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

INSIDE = "/codebuild/control"
_DRIVER = r"""
control={control}
exec 3<"$control/in" 4>"$control/out"
while read -r number <&3; do
  [ "$number" = end ] && break
  rm -f "$control/done"
  {shell} "$control/session.sh" "$number"
  status=$?
  [ -e "$control/done" ] && break
  read -r number <"$control/current"
  printf '%s %s\n' "$number" "$status" >&4
done
"""
_SESSION = r"""
__control={control}
[ -r "$__control/state" ] && . "$__control/state"
__first=$1
__save() {{ __status=$?; trap - EXIT
  {{ export -p; printf 'cd %s 2>/dev/null || :\n' "$(__quote "$PWD")"; }} >"$__control/state.new" \
  && mv "$__control/state.new" "$__control/state"; exit $__status; }}
__quote() {{ printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }}
trap __save EXIT
__number=$__first
while :; do
  printf '%s\n' "$__number" >"$__control/current"
  . "$__control/$__number.sh" </dev/null 3<&- 4>&-
  printf '%s %s\n' "$__number" "$?" >&4
  read -r __number <&3 || break
  [ "$__number" = end ] && break
done
: >"$__control/done"
"""


class Shell:
    """Writes commands into the control folder and reads their statuses."""

    def __init__(self, control: Path, shell: str) -> None:
        self._control, self._number = control, 0
        (control / "driver.sh").write_text(_DRIVER.format(control=INSIDE, shell=shell))
        (control / "session.sh").write_text(_SESSION.format(control=INSIDE))
        for name in ("in", "out"):
            os.mkfifo(control / name, 0o666)
            os.chmod(control / name, 0o666)
        # Opened for reading and writing, so that neither side blocks or sees an end while the other is away.
        self._in = os.open(control / "in", os.O_RDWR | os.O_CLOEXEC)
        self._out = os.open(control / "out", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)

    @property
    def command(self) -> list[str]:
        """What the sandbox runs."""
        return ["/bin/sh", f"{INSIDE}/driver.sh"]

    @property
    def statuses(self) -> int:
        """The descriptor on which `N STATUS` lines arrive."""
        return self._out

    def send(self, text: str) -> int:
        """Have the shell run a command; its number."""
        self._number += 1
        path = self._control / f"{self._number}.sh"
        path.write_text(text + "\n")
        path.chmod(0o644)
        os.write(self._in, f"{self._number}\n".encode())
        return self._number

    def end(self) -> None:
        """Let the shell finish."""
        os.write(self._in, b"end\n")

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._in)
        os.close(self._out)


def assignment(name: str, value: str) -> str:
    """A line that exports a variable, whatever its value holds."""
    return f"export {name}={shlex.quote(value)}"
