"""One shell for all commands of a build, inside the sandbox: its driver, and the builder's side of the two pipes.

A command goes down the command pipe as one line; its status comes back on the status pipe. Commands see neither pipe.
When a command ends its shell (`exit 1`, `set -e`), folder, exports and functions are saved, and a new shell has them.
"""

from __future__ import annotations

import os
import re
import shlex

_DRIVER = """
while :; do
  "$1" -c "$2" codebuild
  echo $? >&{status}
done
"""
_SESSION = """
[ -r {state} ] && . {state}
__codebuild_save() {{
  __codebuild_status=$?
  trap - EXIT
  {{
    if [ -n "$BASH_VERSION" ]; then declare -f; fi
    export -p
    printf "cd '%s'\\n" "$(pwd | sed "s/'/'\\\\\\\\''/g")"
  }} >{state} 2>/dev/null
  exit $__codebuild_status
}}
trap __codebuild_save EXIT
while IFS= read -r __codebuild_line <&{command}; do
  case $__codebuild_line in
  Q*) eval "$(printf '%b' "${{__codebuild_line#Q}}")" </dev/null {command}<&- ;;
  *) eval "$(printf '%b' "${{__codebuild_line#C}}")" </dev/null {command}<&- {status}>&- ;;
  esac
  echo $? >&{status}
done
trap - EXIT
kill -9 $PPID $$
"""
_PLAIN = re.compile(rb"(\d{1,3})\n")
_ANSWER = re.compile(rb"(.*)\0(\d{1,3})\n", re.DOTALL)
_MOST = 1 << 20
_STATE = ".codebuild-state"


class Shell:
    """The pipes of a build's shell. Low numbers, since a plain `sh` knows one digit only."""

    COMMAND, STATUS = 9, 8

    def __init__(self, shell: str, state_folder: str) -> None:
        self._shell, self._state = shell, f"{state_folder}/{_STATE}"
        self._pending = b""

    def open(self, command: int, status: int) -> None:
        """Take our ends of the pipes: where commands are written and statuses are read."""
        self._in, self.statuses = command, status
        os.set_blocking(self.statuses, False)

    def argv(self) -> list[str]:
        """What the sandbox runs."""
        numbers = {"command": self.COMMAND, "status": self.STATUS, "state": shlex.quote(self._state)}
        return ["/bin/sh", "-c", _DRIVER.format(**numbers), "codebuild", self._shell, _SESSION.format(**numbers)]

    def send(self, text: str, *, ask: bool = False) -> None:
        """Run a command; with `ask` it may answer on the status pipe, its answer ended by a NUL."""
        line = text.replace("\\", "\\0134").replace("\n", "\\0012")
        data = (("Q" if ask else "C") + line + "\n").encode("utf-8", "surrogateescape").replace(b"\0", b"")
        view = memoryview(data)
        while view:
            view = view[os.write(self._in, view) :]

    def status(self, *, ask: bool = False) -> tuple[int, bytes] | None:
        """The status of the command that was sent, with its answer; None while it runs. EOFError: the shell is gone."""
        try:
            data = os.read(self.statuses, 65536)
        except BlockingIOError:
            return None
        if not data:
            raise EOFError("the shell of the build is gone")
        self._pending = (self._pending + data)[-_MOST:]
        found = (_ANSWER if ask else _PLAIN).search(self._pending)
        if found is None:
            return None
        self._pending = self._pending[found.end() :]
        return (int(found[2]), found[1]) if ask else (int(found[1]), b"")

    def forget(self) -> None:
        """Drop answers that nobody waits for."""
        self._pending = b""


def exports(variables: dict[str, str]) -> str:
    """Lines that export variables, whatever their values hold; names that no shell takes are left out."""
    names = [name for name in variables if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)]
    return "\n".join(f"export {name}={shlex.quote(variables[name].replace(chr(0), ''))}" for name in names)


def question(names: list[str]) -> str:
    """A command that answers with the values of variables, each ended by a NUL."""
    asked = [f"printf '%s\\0' \"${{{name}-}}\" >&{Shell.STATUS}" for name in names]
    return "; ".join([*asked, ":"])


def expanded(text: str) -> str:
    """A command that answers with a text as the shell expands it in double quotes."""
    return f"printf '%s\\0' \"{text}\" >&{Shell.STATUS}"
