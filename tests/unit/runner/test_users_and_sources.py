"""Whole builds: whom their commands run as, several sources at once, and what of the host's tooling they see."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codeyard.runner.sandbox.root import TOOLING
from codeyard.runner.sources import drop_archives
from tests.support.yard import TestYard
from tests.unit.runner.world import LOGS, Builds, builds

pytestmark = pytest.mark.sandbox
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
HOST = {
    "PIP_INDEX_URL": "https://mirror.test/simple",
    "NPM_CONFIG_REGISTRY": "https://mirror.test/npm",
    "SSL_CERT_FILE": BUNDLE,
    "NODE_EXTRA_CA_CERTS": "/srv/unseen.pem",
    "MIRROR_PASSWORD": "not for builds",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builds]:
    folder = tmp_path_factory.mktemp("builds")
    yard = TestYard(folder / "data", threaded_engine=True)
    with builds(yard, folder, **HOST) as found:
        yield found
    yard.close()


@pytest.fixture(scope="module")
def tooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builds]:
    """A runner whose administrator passes the host's tooling."""
    folder = tmp_path_factory.mktemp("tooled")
    yard = TestYard(folder / "data", threaded_engine=True)
    with builds(yard, folder, "pass_host_tooling", **HOST) as found:
        yield found
    yard.close()


def spec(*commands: str, **more: Any) -> str:
    return json.dumps({"version": "0.2", "phases": {"build": {"commands": list(commands)}}, **more}) + "\n"


def why(build: dict[str, Any], phase: str = "DOWNLOAD_SOURCE") -> str:
    contexts = next(one for one in build["phases"] if one["phaseType"] == phase).get("contexts") or [{}]
    return str(contexts[0].get("message", ""))


@pytest.mark.parametrize(("user", "uid"), [("builder", "1000"), ("nobody", "65534")])
def test_commands_run_as_the_user_that_the_buildspec_names(world: Builds, user: str, uid: str) -> None:
    told = 'echo "I am $(id -un) $(id -u) $(id -g) $USER, at home in $HOME"'
    works = "echo x >~/made && cat ~/made && touch $CODEBUILD_SRC_DIR/here && stat -c %U ~/made"
    refused = "if touch /etc/made 2>/dev/null; then exit 1; fi"
    world.project(f"as-{user}", spec(told, works, refused, **{"run-as": user}))
    build = world.run(f"as-{user}")
    assert build["buildStatus"] == "SUCCEEDED", world.log(build["id"])
    log = world.log(build["id"])
    assert f"\nI am {user} {uid} {uid} {user}, at home in /home/{user}\n" in log
    assert f"\nx\n{user}\n" in log


def test_a_phase_names_its_user_over_the_whole_file_s(world: Builds) -> None:
    phases = {name: {"run-as": "builder", "commands": ["id -un"]} for name in ("install", "build")}
    world.project("phases", json.dumps({"version": "0.2", "run-as": "root", "phases": phases}) + "\n")
    build = world.run("phases")
    assert build["buildStatus"] == "SUCCEEDED"
    assert world.log(build["id"]).count("\nbuilder\n") == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"phases": {"install": {"commands": ["true"]}, "build": {"run-as": "ann", "commands": ["true"]}}},
            "ann, root",
        ),
        ({"run-as": "x:0:0::/:/bin/sh"}, "is not the name of a user"),
    ],
)
def test_users_that_a_build_cannot_have_fail_it_and_say_why(world: Builds, more: dict[str, Any], said: str) -> None:
    name = f"refused-{len(said)}"
    world.project(name, spec("true", **more))
    build = world.run(name)
    assert (build["buildStatus"], "run-as: " in why(build), said in why(build)) == ("FAILED", True, True)


def _repository(world: Builds, name: str, text: str) -> str:
    """A repository with one commit on main; its id."""
    client = world.yard.client("codecommit")
    client.create_repository(repositoryName=name)
    made = client.put_file(repositoryName=name, branchName="main", fileContent=text.encode(), filePath="name.txt")
    return str(made["commitId"])


def test_secondary_sources_lie_beside_the_primary_one_and_the_variables_name_them(world: Builds) -> None:
    pull = {"Effect": "Allow", "Action": "codecommit:GitPull", "Resource": "*"}
    role = world.yard.role("puller", "codebuild.amazonaws.com", [LOGS, pull])
    commits = {name: _repository(world, name, name) for name in ("main-app", "tools", "docs")}
    client = world.yard.client("codecommit")
    client.create_branch(repositoryName="tools", branchName="v1", commitId=commits["tools"])
    later = client.put_file(
        repositoryName="tools",
        branchName="main",
        fileContent=b"later",
        filePath="name.txt",
        parentCommitId=commits["tools"],
    )
    places = {name: f"https://git-codecommit.us-east-1.amazonaws.com/v1/repos/{name}" for name in commits}
    shown = [
        'echo "$(cat name.txt) $(cat $CODEBUILD_SRC_DIR_tools/name.txt) $(cat $CODEBUILD_SRC_DIR_docs/name.txt)"',
        "env | grep ^CODEBUILD_ | sort",
    ]
    world.project(
        "several",
        "",
        source={"type": "CODECOMMIT", "location": places["main-app"], "buildspec": spec(*shown)},
        secondarySources=[
            {"type": "CODECOMMIT", "location": places[name], "sourceIdentifier": name} for name in ("tools", "docs")
        ],
        secondarySourceVersions=[{"sourceIdentifier": "tools", "sourceVersion": "v1"}],
        serviceRole=role,
    )
    build = world.run("several")
    assert build["buildStatus"] == "SUCCEEDED", world.log(build["id"])
    assert build["resolvedSourceVersion"] == commits["main-app"]
    log = world.log(build["id"])
    assert "\nmain-app tools docs\n" in log
    told = dict(line.split("=", 1) for line in log.splitlines() if line.startswith("CODEBUILD_"))
    assert told["CODEBUILD_RESOLVED_SOURCE_VERSION"] == commits["main-app"]
    for name in ("tools", "docs"):
        assert told[f"CODEBUILD_SRC_DIR_{name}"].endswith(
            f"/src/git-codecommit.us-east-1.amazonaws.com/v1/repos/{name}"
        )
        assert told[f"CODEBUILD_RESOLVED_SOURCE_VERSION_{name}"] == commits[name]
        assert told[f"CODEBUILD_SOURCE_REPO_URL_{name}"] == places[name]
    assert (told["CODEBUILD_SOURCE_VERSION_tools"], told["CODEBUILD_SOURCE_VERSION_docs"]) == ("v1", "")

    newest = [{"sourceIdentifier": "tools", "sourceVersion": later["commitId"]}]
    again = world.run("several", secondarySourcesVersionOverride=newest)
    assert "\nmain-app later docs\n" in world.log(again["id"])
    none = world.run("several", secondarySourcesVersionOverride=[{"sourceIdentifier": "docs", "sourceVersion": "none"}])
    assert why(none) == "reference not found for secondary source docs and source version none"


def _tooling(world: Builds) -> tuple[dict[str, str], set[str]]:
    """(variables of the host's, files of the host's) that a build sees."""
    files = " ".join(TOOLING)
    seen = f'for f in {files}; do if [ -s $f ] && [ -n "$(find $f -type f)" ]; then echo "seen $f"; fi; done'
    world.project("tooling", spec("env", seen))
    build = world.run("tooling")
    assert build["buildStatus"] == "SUCCEEDED", world.log(build["id"])
    lines = world.log(build["id"]).splitlines()
    found = dict(line.split("=", 1) for line in lines if line.partition("=")[0] in HOST)
    return found, {line.removeprefix("seen ") for line in lines if line.startswith("seen ")}


def _on_this_host() -> set[str]:
    files = {one for one in TOOLING if os.path.isfile(one) and os.path.getsize(one)}
    folders = {one for one in TOOLING if os.path.isdir(one) and any(found for _, _, found in os.walk(one))}
    return files | folders


def test_builds_see_nothing_of_the_host_s_tooling(world: Builds) -> None:
    assert _tooling(world) == ({}, set())


def test_builds_see_the_host_s_tooling_where_its_administrator_passes_it(tooled: Builds) -> None:
    variables, files = _tooling(tooled)
    passed = ("PIP_INDEX_URL", "NPM_CONFIG_REGISTRY") + (("SSL_CERT_FILE",) if Path(BUNDLE).exists() else ())
    assert variables == {name: HOST[name] for name in passed}, "and no file that the sandbox does not show"
    assert files == _on_this_host()


def test_an_archive_of_s3_is_dropped_when_no_build_has_it_and_a_checkout_stays(tmp_path: Path) -> None:
    (tmp_path / "s3-a").mkdir()
    (tmp_path / "tree-b").mkdir()
    with (tmp_path / ".s3-a.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        drop_archives(tmp_path)
        assert (tmp_path / "s3-a").is_dir()
    drop_archives(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".kept.lock", "tree-b"]
