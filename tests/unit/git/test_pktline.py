"""Pushes as they are read from the wire, and the reports that answer them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeyard.git.names import ZERO
from codeyard.git.pktline import (
    FLUSH,
    ProtocolError,
    PushHead,
    PushParser,
    RefCommand,
    pkt,
    read_report,
    side_band,
    split_lines,
    write_report,
)

A, B = "a" * 40, "b" * 40
CAPABILITIES = "report-status side-band-64k agent=git/2.39"


def line(old: str, new: str, ref: str, capabilities: str = "") -> bytes:
    return pkt(f"{old} {new} {ref}".encode() + (b"\0" + capabilities.encode() if capabilities else b""))


PUSH = (
    pkt(b"shallow " + A.encode())
    + line(ZERO, A, "refs/heads/main", " " + CAPABILITIES)
    + line(A, B, "refs/heads/ümlaut")
    + line(B, ZERO, "refs/tags/v1")
    + FLUSH
)


@given(st.lists(st.integers(1, len(PUSH)), max_size=6))
def test_a_push_is_read_however_it_is_cut(cuts: list[int]) -> None:
    parser, head, last = PushParser(), None, 0
    for cut in [*sorted(set(cuts)), len(PUSH)]:
        head = parser.feed(PUSH[last:cut]) if cut > last else head
        last = cut
    assert head == PushHead(
        (
            RefCommand("refs/heads/main", ZERO, A),
            RefCommand("refs/heads/ümlaut", A, B),
            RefCommand("refs/tags/v1", B, ZERO),
        ),
        frozenset(CAPABILITIES.split()),
        (A,),
    )
    assert parser.taken == PUSH


def test_bytes_of_the_pack_that_came_along_are_kept() -> None:
    parser = PushParser()
    assert parser.feed(PUSH + b"PACK1234") is not None
    assert parser.taken == PUSH + b"PACK1234"


def test_a_flush_alone_is_an_empty_push() -> None:
    assert PushParser().feed(FLUSH) == PushHead((), frozenset())


BROKEN = [
    b"zzzz",
    b"0003",
    b"0001",
    b"00-4",
    b"fff1",
    pkt(b"push-cert\0" + CAPABILITIES.encode()),
    pkt(b"shallow nothing"),
    line(A, B, "refs/heads/../x"),
    line(A, B, "main"),
    line(A, B, "--exec=x"),
    line("a" * 39, B, "refs/heads/x"),
    line(A.upper(), B, "refs/heads/x"),
    pkt(b"nonsense"),
    pkt(A.encode() + b" " + B.encode() + b" refs/heads/\xff"),
    line(A, B, "refs/heads/x", "c") + line(A, B, "refs/heads/x"),
    line(A, B, "refs/heads/x", "c") + line(A, B, "refs/heads/y", "c"),
]


@pytest.mark.parametrize("data", BROKEN)
def test_a_broken_push_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        PushParser().feed(data + FLUSH)


def test_a_push_of_more_than_4000_references_is_too_wide_and_still_named_reference_by_reference() -> None:
    lines = [line(A, B, f"refs/heads/b{number}", "c" if number == 0 else "") for number in range(4001)]
    for wide in (4000, 4001):
        head = PushParser().feed(b"".join(lines[:wide]) + FLUSH)
        assert head is not None
        assert (len(head.commands), bool(head.excess)) == (wide, wide > 4000)


def test_push_options_stand_behind_the_commands_and_the_pack_behind_them() -> None:
    whole = line(A, B, "refs/heads/a", "push-options") + FLUSH + pkt(b"ci.skip") + pkt("note=größer\n".encode()) + FLUSH
    for cut in range(len(whole)):
        parser = PushParser()
        assert parser.feed(whole[:cut]) is None
        head = parser.feed(whole[cut:] + b"PACK")
        assert head is not None
        assert (head.options, len(head.commands), head.excess) == (("ci.skip", "note=größer"), 1, "")
        assert (parser.head, parser.beyond) == (whole, b"PACK")


@pytest.mark.parametrize(
    ("options", "bad"),
    [([b"o"] * 50, False), ([b"o"] * 51, True), ([b"o" * 1024], False), ([b"o" * 1025], True), ([b"a\nb"], True),
     ([b"\0"], True), ([b"\x1b[31m"], True), ([b""], False), ([], False)],
)  # fmt: skip
def test_push_options_are_bounded(options: list[bytes], bad: bool) -> None:
    lines = b"".join(map(pkt, options))
    head = PushParser().feed(line(A, B, "refs/heads/a", "push-options") + FLUSH + lines + FLUSH)
    assert head is not None
    assert bool(head.excess) is bad


def test_without_the_capability_there_are_no_push_options() -> None:
    parser = PushParser()
    head = parser.feed(line(A, B, "refs/heads/a", "report-status") + FLUSH + pkt(b"ci.skip") + FLUSH)
    assert head is not None
    assert (head.options, parser.beyond) == ((), pkt(b"ci.skip") + FLUSH)


def test_a_push_that_never_ends_is_refused() -> None:
    flood = pkt(b"shallow " + A.encode() + b"\n") * 200_000
    with pytest.raises(ProtocolError):
        PushParser().feed(flood)


@given(st.binary(max_size=200))
def test_rubbish_is_refused_or_asked_to_go_on_and_never_breaks(data: bytes) -> None:
    try:
        PushParser().feed(data)
    except ProtocolError:
        return


OUTCOMES = [("refs/heads/main", None), ("refs/heads/x", "not authorized")]


@pytest.mark.parametrize("words", [CAPABILITIES, "report-status", "report-status-v2 side-band-64k"])
def test_a_report_is_read_back_as_it_was_written(words: str) -> None:
    head = PushHead((), frozenset(words.split()))
    report = read_report(write_report(OUTCOMES, head, say="hello"), head)
    assert report is not None
    assert (report.unpack, report.outcomes) == ("ok", dict(OUTCOMES))


def test_a_report_travels_in_the_first_band_and_ends_with_a_flush() -> None:
    head = PushHead((), frozenset(CAPABILITIES.split()))
    lines = list(split_lines(write_report(OUTCOMES[:1], head, say="why")))
    assert lines[0] == b"\x02why\n"
    assert lines[1] is not None
    assert lines[1][:1] == b"\x01"
    assert lines[-1] is None


def test_a_client_that_wants_no_report_gets_none() -> None:
    assert write_report(OUTCOMES, PushHead((), frozenset())) == b""


def test_a_reason_is_one_line() -> None:
    answer = write_report([("refs/heads/x", "no\nok refs/heads/y\n")], PushHead((), frozenset({"report-status"})))
    assert b"ng refs/heads/x no ok refs/heads/y\n" in answer


@pytest.mark.parametrize("data", [b"", b"0000", b"00", b"rubbish", pkt(b"\x02progress") + FLUSH])
def test_an_answer_without_a_report_is_seen_as_such(data: bytes) -> None:
    assert read_report(data, PushHead((), frozenset(CAPABILITIES.split()))) is None


def test_a_long_payload_is_cut_into_packets() -> None:
    data = bytes(200_000)
    lines = [one for one in split_lines(side_band(1, data)) if one is not None]
    assert b"".join(one[1:] for one in lines) == data
    assert max(len(one) for one in lines) <= 65516
