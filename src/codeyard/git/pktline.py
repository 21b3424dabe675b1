"""The packet lines of git: reading a push up to the first flush, reading and writing its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from codeyard.git.names import is_object_id, is_valid_ref

FLUSH = b"0000"
MAX_REFERENCES = 4000
MAX_OPTIONS = 50
MAX_OPTION = 1024  # characters
_MAX_HEAD = 8 * 1024 * 1024
_MAX_LINE = 65520
BAND = 65515


class ProtocolError(Exception):
    """The client sent what git's protocol does not allow."""


def pkt(payload: bytes) -> bytes:
    """One packet line."""
    return b"%04x" % (len(payload) + 4) + payload


def side_band(band: int, payload: bytes) -> bytes:
    """The payload as packets of one side band (1 data, 2 progress, 3 fatal error)."""
    view, parts = memoryview(payload), list[bytes | memoryview]()
    for at in range(0, len(payload), BAND):
        chunk = view[at : at + BAND]
        parts += (b"%04x%c" % (len(chunk) + 5, band), chunk)
    return b"".join(parts)


def split_lines(data: bytes) -> Iterator[bytes | None]:
    """The payloads of a whole run of packet lines; None stands for a flush. ProtocolError when it is cut."""
    at = 0
    while at < len(data):
        length = _length(data[at : at + 4])
        if length < 4:
            yield None
            at += 4
            continue
        if at + length > len(data):
            raise ProtocolError("a packet line is cut short")
        yield data[at + 4 : at + length]
        at += length


def _length(head: bytes) -> int:
    try:
        length = int(head, 16) if len(head) == 4 and not head.strip(b"0123456789abcdefABCDEF") else -1
    except ValueError:
        length = -1
    if length < 0 or length > _MAX_LINE or length == 3:
        raise ProtocolError("bad packet line length")
    return length


@dataclass(frozen=True, slots=True)
class RefCommand:
    """One line of a push: move `ref` from `old` to `new` (forty zeros stand for "is not there")."""

    ref: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class PushHead:
    """What a push says before its pack."""

    commands: tuple[RefCommand, ...]
    capabilities: frozenset[str]
    shallow: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def reports(self) -> bool:
        """Whether the client wants to be told the outcome of each reference."""
        return bool(self.capabilities & {"report-status", "report-status-v2"})

    @property
    def excess(self) -> str:
        """What there is more of than one push may have, as a sentence; an empty text where all is within bounds."""
        if len(self.commands) > MAX_REFERENCES:
            return f"A push may update at most {MAX_REFERENCES} references."
        if len(self.options) > MAX_OPTIONS:
            return f"A push may have at most {MAX_OPTIONS} push options."
        if any(len(option) > MAX_OPTION or not option.isprintable() for option in self.options):
            return f"A push option is a printable text of at most {MAX_OPTION} characters."
        return ""

    @property
    def side_bands(self) -> bool:
        """Whether the answer travels in side bands."""
        return "side-band-64k" in self.capabilities


@dataclass(slots=True)
class PushParser:
    """Takes the bytes of a push as they come, until the flush that ends its commands, or its push options."""

    _buffer: bytearray = field(default_factory=bytearray)
    _at: int = 0
    _commands: list[RefCommand] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _shallow: list[str] = field(default_factory=list)
    _capabilities: frozenset[str] | None = None
    _options: list[str] | None = None

    def feed(self, data: bytes) -> PushHead | None:
        """Take more bytes; the head once it is complete. What was fed stays in `taken`."""
        self._buffer += data
        while len(self._buffer) - self._at >= 4:
            length = _length(bytes(self._buffer[self._at : self._at + 4]))
            if length == 0 and not self._goes_on():
                return self._finish()
            if length == 0:
                self._at += 4
                continue
            if length < 4:
                raise ProtocolError("a push has no delimiter packets")
            if len(self._buffer) - self._at < length:
                break
            self._line(bytes(self._buffer[self._at + 4 : self._at + length]))
            self._at += length
        if len(self._buffer) > _MAX_HEAD:
            raise ProtocolError("too many reference updates")
        return None

    @property
    def taken(self) -> bytes:
        """Every byte fed so far, to be passed on to receive-pack as it was."""
        return bytes(self._buffer)

    @property
    def head(self) -> bytes:
        """The bytes of the head, once that is complete."""
        return bytes(self._buffer[: self._at + 4])

    @property
    def beyond(self) -> bytes:
        """What was fed behind the head, once that is complete."""
        return bytes(self._buffer[self._at + 4 :])

    def _goes_on(self) -> bool:
        """Whether push options stand behind this flush, which then ends the commands only."""
        if self._options is not None or "push-options" not in (self._capabilities or ()):
            return False
        self._options = []
        return True

    def _finish(self) -> PushHead:
        options = tuple(self._options or ())
        return PushHead(tuple(self._commands), self._capabilities or frozenset(), tuple(self._shallow), options)

    def _line(self, line: bytes) -> None:
        if self._options is not None:
            self._options.append(line.removesuffix(b"\n").decode("utf-8", "replace"))
            return
        if line.startswith(b"shallow "):
            self._take_shallow(line[8:].rstrip(b"\n"))
            return
        command, nul, capabilities = line.partition(b"\0")
        if command.startswith(b"push-cert"):
            raise ProtocolError("signed pushes are not supported")
        if self._capabilities is None:
            words = capabilities.decode("utf-8", "replace").split()
            self._capabilities = frozenset(words)
        elif nul:
            raise ProtocolError("capabilities stand on the first command only")
        self._take_command(command.rstrip(b"\n"))

    def _take_shallow(self, commit: bytes) -> None:
        text = commit.decode("ascii", "replace")
        if not is_object_id(text):
            raise ProtocolError("bad shallow line")
        self._shallow.append(text)

    def _take_command(self, command: bytes) -> None:
        try:
            old, new, ref = command.decode("utf-8").split(" ", 2)
        except ValueError:
            raise ProtocolError("bad reference update") from None
        if not (is_object_id(old) and is_object_id(new)) or not is_valid_ref(ref):
            raise ProtocolError("bad reference update")
        if ref in self._seen:
            raise ProtocolError("a reference is updated twice")
        self._seen.add(ref)
        self._commands.append(RefCommand(ref, old, new))


def write_report(
    outcomes: Sequence[tuple[str, str | None]], head: PushHead, *, unpack: str = "ok", say: str = ""
) -> bytes:
    """A push's answer: `ok` or `ng` with a reason for each reference, in the bands that were asked for."""
    body = b""
    if head.reports:
        lines = [pkt(f"unpack {unpack}\n".encode())]
        lines += [pkt(_outcome_line(ref, reason)) for ref, reason in outcomes]
        body = b"".join(lines) + FLUSH
    if not head.side_bands:
        return body
    spoken = side_band(2, f"{say}\n".encode()) if say else b""
    return spoken + side_band(1, body) + FLUSH


def _outcome_line(ref: str, reason: str | None) -> bytes:
    if reason is None:
        return f"ok {ref}\n".encode()
    return f"ng {ref} {' '.join(reason.split())[:500]}\n".encode()


@dataclass(frozen=True, slots=True)
class Report:
    """What receive-pack said: `outcomes` maps a reference to None (done) or to the reason why not."""

    unpack: str
    outcomes: Mapping[str, str | None]


def read_report(answer: bytes, head: PushHead) -> Report | None:
    """Parse receive-pack's answer; None where there is no report in it."""
    try:
        body = b"".join(_first_band(answer)) if head.side_bands else answer
        return _read_report_lines(line for line in split_lines(body) if line is not None)
    except ProtocolError:
        return None


def _first_band(answer: bytes) -> Iterator[bytes]:
    return (line[1:] for line in split_lines(answer) if line and line[0] == 1)


def _read_report_lines(lines: Iterable[bytes]) -> Report | None:
    unpack: str | None = None
    outcomes: dict[str, str | None] = {}
    for line in lines:
        word, _, rest = line.decode("utf-8", "replace").rstrip("\n").partition(" ")
        if word == "unpack":
            unpack = rest
        elif word == "ok":
            outcomes[rest] = None
        elif word == "ng":
            ref, _, reason = rest.partition(" ")
            outcomes[ref] = reason or "failed"
    return None if unpack is None else Report(unpack, outcomes)


def service_line(service: str) -> bytes:
    """The first line of a protocol 0 or 1 advertisement over HTTP."""
    return pkt(f"# service={service}\n".encode()) + FLUSH
