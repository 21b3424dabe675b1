"""The cache of repositories: what a change makes untrue is told no more, whoever reads meanwhile."""

from __future__ import annotations

from typing import Any

from tests.support.yard import TestYard


def _shown(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.get_repository(repositoryName="demo")["repositoryMetadata"]
    return found


def test_a_change_is_seen_by_the_next_read(module_yard: TestYard) -> None:
    client = module_yard.client("codecommit")
    client.create_repository(repositoryName="demo", repositoryDescription="one")
    assert _shown(client) == _shown(client)
    client.update_repository_description(repositoryName="demo", repositoryDescription="two")
    assert _shown(client)["repositoryDescription"] == "two"
    client.put_file(repositoryName="demo", branchName="main", filePath="a", fileContent=b"a")
    assert _shown(client)["defaultBranch"] == "main"
    client.delete_repository(repositoryName="demo")
    client.create_repository(repositoryName="demo")
    assert "repositoryDescription" not in _shown(client)


def test_what_is_made_of_a_repository_that_has_changed_meanwhile_is_not_kept(module_yard: TestYard) -> None:
    client = module_yard.client("codecommit")
    client.create_repository(repositoryName="raced", repositoryDescription="one")
    lookup = module_yard.yard.gateway.registry.parts["codecommit"].api._rooms.lookup  # type: ignore[attr-defined]
    before = lookup.find(module_yard.account, "us-east-1", "raced")

    def make() -> dict[str, Any]:
        client.update_repository_description(repositoryName="raced", repositoryDescription="two")
        return {"description": before.description}

    assert lookup.made(before, "x", make) == {"description": "one"}
    after = lookup.find(module_yard.account, "us-east-1", "raced")
    assert lookup.made(after, "x", lambda: {"description": after.description}) == {"description": "two"}


def test_each_caller_is_told_the_address_that_it_came_by(module_yard: TestYard) -> None:
    client = module_yard.client("codecommit")
    client.create_repository(repositoryName="addressed")
    told = client.get_repository(repositoryName="addressed")["repositoryMetadata"]["cloneUrlHttp"]
    assert told == f"{module_yard.endpoint}/v1/repos/addressed"
    inside = module_yard.call("codecommit", "GetRepository", {"repositoryName": "addressed"})["repositoryMetadata"]
    assert inside["cloneUrlHttp"].endswith("/v1/repos/addressed")
