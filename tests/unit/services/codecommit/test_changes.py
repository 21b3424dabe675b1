"""The protocol of reference changes: what a crash leaves open is settled, once, and rivals are told."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from codeyard.contract import AwsError
from codeyard.git.names import ZERO
from codeyard.git.pktline import FLUSH, PushHead, PushParser, RefCommand, pkt, read_report
from codeyard.git.transfer import PushRequest
from codeyard.services.codecommit import refs
from codeyard.storage import loads
from tests.unit.services.codecommit.harness import ALICE, Call, Service


class Died(BaseException):
    """Stands for the process's death."""


def crash_at(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    def crash(name: str) -> None:
        if name == point:
            raise Died

    monkeypatch.setattr(refs, "crash_point", crash)
    monkeypatch.setattr(refs.RefChanges, "settle_batch", lambda self, batch: None)


def put(service: Service, path: str = "a", **more: Any) -> dict[str, Any]:
    return service.call("PutFile", repositoryName="demo", branchName="main", filePath=path, fileContent=b"1", **more)


def intents(service: Service) -> int:
    return int(service.kit.db.read(lambda tx: tx.scalar(sa.text("SELECT count(*) FROM codecommit_intents"))))


def branches(service: Service) -> list[str]:
    return list(service.call("ListBranches", repositoryName="demo")["branches"])


POINTS = [(refs.INTENT, 0), (refs.OBJECTS, 0), (refs.SWAPPED, 1), (refs.CLOSED, 1)]


@pytest.mark.parametrize(("point", "done"), POINTS, ids=[point for point, _ in POINTS])
def test_after_a_crash_there_is_one_event_for_a_change_that_happened_and_none_else(
    service: Service, monkeypatch: pytest.MonkeyPatch, point: str, done: int
) -> None:
    with monkeypatch.context() as patch:
        crash_at(patch, point)
        with pytest.raises(Died):
            put(service)
    service.restart()
    assert len(service.events()) == done
    assert len(branches(service)) == done
    assert intents(service) == 0
    metadata = service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]
    assert metadata.get("defaultBranch") == ("main" if done else None)
    records = service.kit.db.read(lambda tx: tx.all(sa.text("SELECT record FROM audit")))
    assert len(records) == (point == refs.SWAPPED), "the call's own record is the gateway's"
    if records:
        record = loads(records[0].record)
        assert (record["eventName"], record["userIdentity"]["arn"]) == ("PutFile", ALICE.arn)
        assert record["requestParameters"]["references"][0]["ref"] == "refs/heads/main"
    service.restart()
    assert len(service.events()) == done


def test_a_batch_whose_lease_ended_is_settled_by_its_timer(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        crash_at(patch, refs.SWAPPED)
        with pytest.raises(Died):
            put(service)
    batch = service.kit.db.read(lambda tx: tx.scalar(sa.text("SELECT key FROM timers")))
    service.part.reconcilers[refs.SETTLE](batch)
    assert intents(service) == 1, "this process is still at it"
    service.rooms.changes._live.clear()
    service.part.reconcilers[refs.SETTLE](batch)
    assert intents(service) == 0
    assert [event["event"] for event in service.events()] == ["referenceCreated"]


def test_a_change_whose_last_write_is_refused_is_settled_when_its_lease_ends(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Any, fn: Any) -> Any:
        raise AwsError("ThrottlingException", "busy")

    with monkeypatch.context() as patch:
        patch.setattr(Call, "write", refused)
        with pytest.raises(AwsError):
            put(service)
    batch = service.kit.db.read(lambda tx: tx.scalar(sa.text("SELECT key FROM timers")))
    service.part.reconcilers[refs.SETTLE](batch)
    assert intents(service) == 0
    assert [event["event"] for event in service.events()] == ["referenceCreated"]


def test_a_change_that_fails_leaves_nothing_open(service: Service) -> None:
    tip = put(service)["commitId"]
    change = RefCommand("refs/heads/main", "1" * 40, tip)
    reader_repository = service.part.api._find(service.last, "demo")  # type: ignore[attr-defined]
    with pytest.raises(AwsError) as error:
        service.rooms.changes.apply(service.last, reader_repository, [change])
    assert error.value.code == "ConcurrentReferenceUpdateException"
    assert intents(service) == 0
    assert len(service.events()) == 1


def test_a_lost_race_is_an_outdated_parent(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    first = put(service)["commitId"]
    apply = refs.RefChanges.apply

    def late(self: Any, *args: Any, **more: Any) -> None:
        monkeypatch.setattr(refs.RefChanges, "apply", apply)
        put(service, "rival", parentCommitId=first)
        apply(self, *args, **more)

    monkeypatch.setattr(refs.RefChanges, "apply", late)
    with pytest.raises(AwsError) as error:
        put(service, "b", parentCommitId=first)
    assert error.value.code == "ParentCommitIdOutdatedException"


def test_two_calls_never_hold_the_same_reference() -> None:
    locks = refs.RefLocks()
    with locks.hold("r", ["a", "b"]):
        with pytest.raises(AwsError):
            with locks.hold("r", ["b", "c"], timeout=0.01):
                pass
        with locks.hold("r", ["c"], timeout=0.01), locks.hold("other", ["a"], timeout=0.01):
            pass
    with locks.hold("r", ["b"], timeout=0.01):
        pass


# Pushes, made by git itself and handed over as the git door does.


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    run(tmp_path, "init", "--quiet", "--initial-branch=main", str(folder))
    commit(folder, "one")
    return folder


def run(folder: Path, *args: str, data: bytes = b"") -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    found = subprocess.run(["git", *who, *args], cwd=folder, input=data, capture_output=True, check=True)
    return found.stdout.decode("utf-8", "replace").strip()


def commit(folder: Path, text: str) -> str:
    (folder / "file").write_text(text)
    run(folder, "add", "file")
    run(folder, "commit", "--quiet", "--message", text)
    return run(folder, "rev-parse", "HEAD")


CAPABILITIES = b" report-status side-band-64k object-format=sha1 agent=test"


def push(service: Service, work: Path, *commands: tuple[str, str, str], report: bytes = CAPABILITIES) -> Any:
    """The report of a push of (ref, old, new), as {ref: reason}."""
    lines = [f"{old} {new} {ref}".encode() for ref, old, new in commands]
    head = b"".join(pkt(line + (b"\0" + report if n == 0 else b"")) for n, line in enumerate(lines)) + FLUSH
    wanted = "\n".join(new for _, _, new in commands if new != ZERO)
    pack = b""
    if wanted:
        pack = subprocess.run(
            ["git", "pack-objects", "--revs", "--stdout", "-q"],
            cwd=work,
            input=wanted.encode(),
            capture_output=True,
            check=True,
        ).stdout
    parser = PushParser()
    parsed = parser.feed(head)
    assert isinstance(parsed, PushHead)
    params = {"repositoryName": "demo", "references": [{"commit": n, "ref": r} for r, _, n in commands]}
    found = read_report(service.push(PushRequest(params, parsed, head + pack)), parsed)
    return found.outcomes if found else None


def test_a_push_makes_branches_tags_and_their_events(service: Service, work: Path) -> None:
    tip = run(work, "rev-parse", "HEAD")
    made = push(service, work, ("refs/heads/main", ZERO, tip), ("refs/tags/v1", ZERO, tip), ("refs/notes/x", ZERO, tip))
    assert made == {"refs/heads/main": None, "refs/tags/v1": None, "refs/notes/x": None}
    assert [(e["event"], e["referenceType"], e["referenceName"], e["commitId"]) for e in service.events()] == [
        ("referenceCreated", "branch", "main", tip),
        ("referenceCreated", "tag", "v1", tip),
    ]
    metadata = service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]
    assert metadata["defaultBranch"] == "main"
    assert intents(service) == 0
    service.push(PushRequest({"repositoryName": "demo"}, PushHead((), frozenset()), b""))


def test_a_push_is_recorded_with_what_was_said(service: Service, work: Path) -> None:
    tip = run(work, "rev-parse", "HEAD")
    push(service, work, ("refs/heads/main", ZERO, tip))
    said = service.last.additional
    assert (said["protocol"], said["dataTransferred"], said["repositoryName"]) == ("HTTP", True, "demo")
    assert "report-status" in said["capabilities"]
    assert service.last.writes == 1


def test_a_push_can_go_back_and_delete(service: Service, work: Path) -> None:
    first, second = run(work, "rev-parse", "HEAD"), commit(work, "two")
    push(service, work, ("refs/heads/main", ZERO, second), ("refs/heads/x", ZERO, second))
    assert push(service, work, ("refs/heads/main", second, first)) == {"refs/heads/main": None}
    assert push(service, work, ("refs/heads/x", second, ZERO)) == {"refs/heads/x": None}
    assert [event["event"] for event in service.events()][2:] == ["referenceUpdated", "referenceDeleted"]


def put_trigger(service: Service) -> None:
    arn = "arn:aws:sns:us-east-1:123456789012:t"
    trigger = {"name": "t", "destinationArn": arn, "branches": [], "events": ["all"]}
    service.call("PutRepositoryTriggers", repositoryName="demo", triggers=[trigger])


def fired(service: Service) -> list[Any]:
    """The references of each message that waits to be sent."""
    rows = service.kit.db.read(
        lambda tx: tx.all(sa.text("SELECT payload FROM effects WHERE kind = 'codecommit.trigger'"))
    )
    return [loads(loads(row.payload)["publish"]["Message"])["Records"][0]["codecommit"]["references"] for row in rows]


def test_a_push_fires_triggers_once_with_all_its_references(service: Service, work: Path) -> None:
    put_trigger(service)
    tip = run(work, "rev-parse", "HEAD")
    push(service, work, ("refs/heads/main", ZERO, tip), ("refs/tags/v1", ZERO, tip), ("refs/notes/x", ZERO, tip))
    made = [{"commit": tip, "created": True, "ref": ref} for ref in ("refs/heads/main", "refs/tags/v1")]
    assert fired(service) == [made]


@pytest.mark.parametrize(("point", "done"), POINTS, ids=[point for point, _ in POINTS])
def test_after_a_crash_a_trigger_is_fired_for_a_change_that_happened_and_else_not(
    service: Service, monkeypatch: pytest.MonkeyPatch, point: str, done: int
) -> None:
    put_trigger(service)
    with monkeypatch.context() as patch:
        crash_at(patch, point)
        with pytest.raises(Died):
            put(service)
    service.restart()
    service.restart()
    assert len(fired(service)) == done


def test_the_default_branch_is_not_deleted_by_a_push(service: Service, work: Path) -> None:
    tip = run(work, "rev-parse", "HEAD")
    push(service, work, ("refs/heads/main", ZERO, tip), ("refs/heads/x", ZERO, tip))
    found = push(service, work, ("refs/heads/main", tip, ZERO), ("refs/heads/x", tip, ZERO))
    assert "prohibited" in found["refs/heads/main"]
    assert found["refs/heads/x"] is None
    assert branches(service) == ["main"]
    assert [event["referenceName"] for event in service.events()][2:] == ["x"]


REFUSED: list[tuple[str, str, Callable[[str], str]]] = [
    ("refs/codeyard/x", ZERO, lambda tip: tip),
    ("refs/heads/" + "a" * 40, ZERO, lambda tip: tip),
    ("refs/heads/new", "1" * 40, lambda tip: tip),
    ("refs/heads/new", ZERO, lambda tip: "1" * 40),
]


@pytest.mark.parametrize(("ref", "old", "new"), REFUSED)
def test_what_git_refuses_is_reported_and_changes_nothing(
    service: Service, work: Path, ref: str, old: str, new: Callable[[str], str]
) -> None:
    tip = run(work, "rev-parse", "HEAD")
    command = RefCommand(ref, old, new(tip))
    head = pkt(f"{command.old} {command.new} {command.ref}\0{CAPABILITIES.decode()}".encode()) + FLUSH
    pack = subprocess.run(
        ["git", "pack-objects", "--revs", "--stdout", "-q"],
        cwd=work,
        input=tip.encode(),
        capture_output=True,
        check=True,
    ).stdout
    parsed = PushParser().feed(head)
    assert parsed is not None
    report = read_report(service.push(PushRequest({"repositoryName": "demo"}, parsed, head + pack)), parsed)
    assert report is not None
    assert report.outcomes[ref]
    assert service.events() == []
    assert branches(service) == []
    assert intents(service) == 0


def test_a_broken_pack_is_reported_and_changes_nothing(service: Service, work: Path) -> None:
    tip = run(work, "rev-parse", "HEAD")
    head = pkt(f"{ZERO} {tip} refs/heads/main\0{CAPABILITIES.decode()}".encode()) + FLUSH
    parsed = PushParser().feed(head)
    assert parsed is not None
    report = read_report(service.push(PushRequest({"repositoryName": "demo"}, parsed, head + b"PACKrubbish")), parsed)
    assert report is not None
    assert report.outcomes["refs/heads/main"]
    assert intents(service) == 0
    assert service.events() == []


def test_a_push_without_report_still_tells_events_by_the_references(service: Service, work: Path) -> None:
    tip = run(work, "rev-parse", "HEAD")
    assert push(service, work, ("refs/heads/main", ZERO, tip), report=b" agent=test") is None
    assert [event["event"] for event in service.events()] == ["referenceCreated"]


def test_a_push_that_crashed_after_git_had_done_it_is_settled(
    service: Service, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tip = run(work, "rev-parse", "HEAD")
    with monkeypatch.context() as patch:
        crash_at(patch, refs.SWAPPED)
        with pytest.raises(Died):
            push(service, work, ("refs/heads/main", ZERO, tip), ("refs/tags/v1", ZERO, tip))
    service.restart()
    assert [event["referenceName"] for event in service.events()] == ["main", "v1"]
    assert service.call("GetRepository", repositoryName="demo")["repositoryMetadata"]["defaultBranch"] == "main"
