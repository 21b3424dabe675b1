"""Git LFS's locks, by Debian's client: taken, shown, respected by pushes, left and broken."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.contract.git.lfs import LfsSite
from tests.support.yard import TestYard

pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed: make setup does it")


@pytest.fixture(scope="module")
def lfs(module_yard: TestYard, tmp_path_factory: pytest.TempPathFactory) -> LfsSite:
    """A repository that the tests of this module share; the paths differ."""
    module_yard.call("codecommit", "CreateRepository", {"repositoryName": "demo"})
    return LfsSite(module_yard, tmp_path_factory.mktemp("client"))


def test_somebody_elses_lock_stops_a_push_and_is_broken_only_by_force(lfs: LfsSite) -> None:
    mine = lfs.tracked(os.urandom(100), name="plan.bin")
    lfs.git("push", "--set-upstream", "origin", "main", cwd=mine)
    lfs.git("clone", "--quiet", lfs.url("bob"), "bobs")
    bobs = lfs.folder / "bobs"
    lfs.git("lfs", "install", "--local", cwd=bobs)
    lfs.git("lfs", "lock", "plan.bin", cwd=bobs)
    shown = json.loads(lfs.git("lfs", "locks", "--json", cwd=mine))
    assert [(lock["path"], lock["owner"]["name"]) for lock in shown] == [("plan.bin", "bob")]
    assert "plan.bin is locked by bob" in lfs.git("lfs", "lock", "plan.bin", cwd=mine, ok=False)

    (mine / "plan.bin").write_bytes(os.urandom(100))
    lfs.git("commit", "--quiet", "--all", "--message", "change", cwd=mine)
    said = lfs.git("push", "origin", "main", cwd=mine, ok=False)
    assert ("plan.bin" in said, "bob" in said) == (True, True)
    assert "locked by bob" in lfs.git("lfs", "unlock", f"--id={shown[0]['id']}", cwd=mine, ok=False)
    lfs.git("lfs", "unlock", "--force", f"--id={shown[0]['id']}", cwd=mine)
    lfs.git("push", "origin", "main", cwd=mine)
    assert json.loads(lfs.git("lfs", "locks", "--json", cwd=mine)) == []
    lfs.git("lfs", "lock", "plan.bin", cwd=mine)
    assert "plan.bin" in lfs.git("lfs", "locks", "--verify", cwd=mine)
    lfs.git("lfs", "unlock", "plan.bin", cwd=mine)


def test_a_path_has_one_lock_and_the_refusal_shows_it(lfs: LfsSite) -> None:
    made = lfs.post("locks", {"path": "one.bin", "ref": {"name": "refs/heads/main"}})
    again = lfs.post("locks", {"path": "one.bin"}, by="bob")
    assert (made.status, again.status) == (201, 409)
    assert again.json()["lock"] == made.json()["lock"]
    assert again.json()["message"] == "one.bin is locked by alice"
    lock_id = made.json()["lock"]["id"]
    assert lfs.post(f"locks/{lock_id}/unlock", {"force": "yes"}, by="bob").status == 403
    assert lfs.post(f"locks/{lock_id}/unlock", {}).json() == {"lock": made.json()["lock"]}
    assert lfs.post(f"locks/{lock_id}/unlock", {}).status == 404


def test_many_locks_come_a_page_at_a_time_ours_apart_from_theirs(lfs: LfsSite) -> None:
    for lock in lfs.ask("GET", "locks").json()["locks"]:
        lfs.post(f"locks/{lock['id']}/unlock", {"force": True})
    taken = [lfs.post("locks", {"path": f"p{n}.bin"}, by="alice" if n % 2 else "bob").json()["lock"] for n in range(5)]
    found, cursor = [], ""
    while True:
        page = lfs.ask("GET", f"locks?limit=2&cursor={cursor}").json()
        found += page["locks"]
        if not (cursor := page.get("next_cursor", "")):
            break
    assert sorted(lock["path"] for lock in found) == [lock["path"] for lock in taken]
    verified = lfs.post("locks/verify", {"limit": 5}).json()
    assert sorted(lock["path"] for lock in verified["ours"]) == ["p1.bin", "p3.bin"]
    assert sorted(lock["path"] for lock in verified["theirs"]) == ["p0.bin", "p2.bin", "p4.bin"]
    assert lfs.ask("GET", "locks?path=p3.bin").json()["locks"] == [taken[3]]
    assert lfs.ask("GET", f"locks?id={taken[0]['id']}").json()["locks"] == [taken[0]]
